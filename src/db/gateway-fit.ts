import type pg from "pg";

import { GATEWAY_CALLS } from "../model/gateway-functions.ts";
import { byVersionDescending } from "../model/version.ts";

/** What a database lacks for a gateway of this version, in words; null: nothing. A newer one has it all. */
export async function missingForGateway(
  pool: pg.Pool,
  version: string,
  answerMs: number,
): Promise<string | null> {
  const ask = async (text: string, values: readonly unknown[]) => {
    const { rows } = await pool.query({
      text,
      values: [...values],
      query_timeout: answerMs,
    } as pg.QueryConfig);
    return rows[0]?.answer;
  };
  const missing: { readonly name: string; readonly exists: boolean } | undefined = await ask(
    `select jsonb_build_object('name', f.name, 'exists', bool_or(p.oid is not null)) as answer
       from unnest($1::text[]) f(name)
       left join (pg_proc p join pg_namespace n on n.oid = p.pronamespace and n.nspname = 'ampsync_worker')
         on p.proname = f.name
      group by f.name
     having not coalesce(bool_or(has_schema_privilege(n.oid, 'usage') and has_function_privilege(p.oid, 'execute')), false)
      order by f.name
      limit 1`,
    [GATEWAY_CALLS],
  );
  if (missing?.exists === true) return `its role may not call ampsync_worker.${missing.name}`;
  const installed: string = await ask("select ampsync.version() as answer", []);
  const isOther = installed !== version;
  if (missing !== undefined) {
    const whose = isOther ? `version ${installed}` : `another build of version ${version}`;
    return `ampsync_worker.${missing.name} is not there, its functions are those of ${whose}`;
  }
  return byVersionDescending(installed, version) > 0
    ? `its functions are those of version ${installed}`
    : null;
}
