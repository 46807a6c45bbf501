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
  const missing: readonly string[] = await ask(
    `select array(
       select f.name from unnest($1::text[]) f(name)
        where not exists (select from pg_proc p join pg_namespace n on n.oid = p.pronamespace
                           where n.nspname = 'ampsync_worker' and p.proname = f.name
                             and has_schema_privilege(n.oid, 'usage')
                             and has_function_privilege(p.oid, 'execute'))) as answer`,
    [GATEWAY_CALLS],
  );
  if (missing.length > 0) return `it may not call ampsync_worker.${missing[0]}, or there is none`;
  const installed: string = await ask("select ampsync.version() as answer", []);
  return byVersionDescending(installed, version) > 0
    ? `its functions are those of version ${installed}`
    : null;
}
