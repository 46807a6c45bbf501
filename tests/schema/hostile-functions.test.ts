import { expect, test } from "vitest";

import { createPool } from "../../src/db/pool.ts";
import { migrate } from "../../src/install/migrate.ts";
import { createLog } from "../../src/log.ts";
import { createDatabase } from "../support/postgres/postgres.ts";

const log = createLog("error", () => {});

/** What fits a call better than PostgreSQL's own, or comes before it. */
const TRAPS = [
  "hashtextextended(text, integer) returns bigint",
  "hashtextextended(text, bigint) returns bigint",
  "format(text, name, name) returns text",
  "format(text, text, text) returns text",
  "array_position(text[], text) returns integer",
  "exp(double precision) returns double precision",
  "set_config(text, text, boolean) returns text",
  "current_setting(text) returns text",
  "pg_try_advisory_lock(bigint) returns boolean",
  "to_regclass(text) returns regclass",
];

test("functions of anybody in public are run by no session of ours, and are in no view", async () => {
  await using db = await createDatabase({ empty: true });
  for (const trap of TRAPS) {
    await db.query(
      `create function public.${trap} language plpgsql as $$ begin raise exception 'trapped'; end $$`,
    );
  }
  await db.query(`create function public.never(text, text) returns boolean language sql as 'select false';
                  create operator public.= (leftarg = text, rightarg = text, function = public.never)`);
  await db.query(`alter database ${db.name} set search_path = public, pg_catalog`);

  await migrate(db.url, { log });
  const { rows } = await db.query(
    `select pg_catalog.pg_describe_object(d.refclassid, d.refobjid, 0) as used
       from pg_catalog.pg_depend d
       join pg_catalog.pg_rewrite r on r.oid operator(pg_catalog.=) d.objid
       join pg_catalog.pg_proc p on p.oid operator(pg_catalog.=) d.refobjid
      where p.pronamespace operator(pg_catalog.=) 'public'::pg_catalog.regnamespace`,
  );
  expect(rows).toEqual([]);

  const pool = createPool({ url: db.url, max: 1, queryTimeoutMs: 0, name: "ampsync" }, log);
  try {
    const path = "select current_setting('search_path') as path, 'a'::text = 'a'::text as same";
    expect((await pool.query(path)).rows).toEqual([{ path: "pg_catalog, pg_temp", same: true }]);
    await pool.query("select ampsync.enqueue_sync('chain', '{blocks}')");
    expect((await pool.query("select state from ampsync.status")).rows).toEqual([{ state: "waiting" }]);
    expect((await pool.query("select ampsync_worker.supervise() as queued")).rows).toEqual([{ queued: 0 }]);
  } finally {
    await pool.end();
  }
});
