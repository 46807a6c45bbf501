import type pg from "pg";

import { ROLES } from "./rights.ts";

/**
 * Who may call functions that run with the rights of the owner of ampsync, besides its own roles: the statements that
 * take it back, for that owner. A grant of an earlier release, when these functions ran with the rights of their
 * caller, gives more today than it did. What a role passed on goes with what it was given.
 */
export async function grantsToOthers(client: pg.ClientBase): Promise<readonly string[]> {
  const { rows } = await client.query<{ statement: string }>(
    `select distinct format('revoke %sexecute on function %s from %s%s;', t.part, p.oid::regprocedure, t.role,
                            case when t.passes_on then ' cascade' end) as statement
       from pg_proc p
      cross join lateral aclexplode(p.proacl) a
      cross join lateral (
         select '' as part, case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end as role,
                a.is_grantable as passes_on
          where a.grantor = p.proowner
          union all -- Revoked by the owner, a right that somebody else gave would stay.
         select 'grant option for ', quote_ident(pg_get_userbyid(a.grantor)), true
          where pg_get_userbyid(a.grantor) = any ($1)
      ) t
      where p.prosecdef and p.pronamespace = 'ampsync'::regnamespace
        and a.grantee <> p.proowner
        and (a.grantee = 0 or pg_get_userbyid(a.grantee) <> all ($1))
      order by 1`,
    [ROLES],
  );
  return rows.map(({ statement }) => statement);
}
