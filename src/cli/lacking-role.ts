import type pg from "pg";

import { textOf } from "../model/failure.ts";

/**
 * Gives an error of PostgreSQL about a missing right its hint: the statement by which this session's role gets the
 * rights of `role`, one of ampsync's own. Where it has them, somebody has taken one away, or an installation has brought
 * an object since: `ampsync migrate` gives what such a role lacks. Other errors stay as they are.
 */
export async function hintLackingRole(
  error: unknown,
  pool: pg.Pool,
  role: "ampsync_reader" | "ampsync_worker",
): Promise<void> {
  if (!(error instanceof Error) || textOf(error, "code") !== "42501" || textOf(error, "hint") !== null)
    return;
  const { rows } = await pool
    .query<{ member: boolean; exists: boolean; ours: string; owner: string | null }>(
      `select coalesce(pg_has_role(to_regrole($1), 'usage'), false) as member,
              to_regrole($1) is not null as exists,
              quote_ident(current_user) as ours,
              (select pg_get_userbyid(n.nspowner) from pg_namespace n where n.nspname = 'ampsync') as owner`,
      [role],
    )
    .catch(() => ({ rows: [] })); // The error matters more.
  const found = rows[0];
  if (found === undefined || found.owner === null) return;
  const { member, exists, ours, owner } = found;
  const migrate = `ampsync migrate as ${owner}`;
  const grant = `grant ${role} to ${ours};`;
  const hint = member
    ? `Run ${migrate}.`
    : exists
      ? grant
      : `Run create role ${role}; ${grant} and then ${migrate}.`;
  Object.assign(error, { hint });
}
