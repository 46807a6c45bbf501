import pg from "pg";
import { expect, test } from "vitest";

import { createPool } from "../../src/db/pool.ts";
import { runStatement } from "../../src/db/run-statement.ts";
import { createLog } from "../../src/log.ts";
import { changeSetting } from "../support/postgres/change-setting.ts";
import { newDataDir } from "../support/postgres/data-dir.ts";
import { startPostgres } from "../support/postgres/start-postgres.ts";
import { waitFor } from "../support/wait-for.ts";

/** A server of its own: the setting is one of the whole server. */
test("a call whose commit waits for a standby that is gone leaves no backend behind when it is given up", async () => {
  const settings = { synchronous_commit: "on" };
  const postgres = await startPostgres({ dataDir: newDataDir(), persistent: false, settings });
  const db = new pg.Client({ connectionString: postgres.connectionString() });
  const pool = createPool(
    { url: postgres.connectionString(), max: 2, queryTimeoutMs: 0, name: "ampsync worker" },
    createLog("error", () => {}),
  );
  const waiting = async () => {
    const { rows } = await db.query(
      "select count(*)::int as backends from pg_stat_activity where wait_event = 'SyncRep'",
    );
    return rows[0].backends;
  };
  try {
    await db.connect();
    await changeSetting(db, "synchronous_standby_names", "nobody");
    const call = runStatement(pool, await pool.connect(), {
      text: "create table public.told ()",
      values: [],
      query_timeout: 2_000,
    });
    const ended = expect(call).rejects.toThrow("Query read timeout");
    await waitFor("the commit to wait for its standby", async () => (await waiting()) === 1);
    await ended;
    await waitFor("its backend to end", async () => (await waiting()) === 0);
  } finally {
    await pool.end();
    await db.end();
    await postgres.stop();
  }
});
