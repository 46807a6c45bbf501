import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { FaultPoint } from "../../../src/fault-points.ts";
import { createLoadedTables, LOADED_TABLES, Load } from "../../support/capture/load.ts";
import { beginLedger, expectExactLog } from "../../support/capture/oracle.ts";
import { publish, type RunningPass, startPass, untilCaptured } from "../../support/capture/rig.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";

const db = sharedDatabase();
let pass: RunningPass;

beforeAll(async () => {
  await createLoadedTables(db);
  await db.query(
    "create table a (id int primary key); create table b (id int primary key); create table c (id int primary key)",
  );
  await publish(db, [...LOADED_TABLES, "a", "b", "c"]);
  await beginLedger(db);
  pass = startPass(db);
});
afterAll(() => pass.stop());

describe("The log", () => {
  test("has what eight writers committed, in the order in which they did, and each of it once", async () => {
    await using load = await Load.start(db, { writers: 8, seed: 3 });
    while (load.written < 400) await untilCaptured(db);
    await load.stop();
    await untilCaptured(db);
    const { transactions } = await expectExactLog(db);
    expect(transactions).toBeGreaterThan(200);
  });

  test("tells listeners that it has grown", async () => {
    const listener = await db.client();
    await listener.query("listen ampsync_log");
    const heard = new Promise((resolve) => listener.once("notification", ({ channel }) => resolve(channel)));
    await db.query("insert into a values (0)");
    expect(await heard).toBe("ampsync_log");
  });

  test("has a transaction over several tables as one entry", async () => {
    await db.query(`begin;
      insert into a select generate_series(1, 400); insert into b select generate_series(1, 300);
      insert into c select generate_series(1, 300); commit`);
    await untilCaptured(db);
    const { rows } = await db.query(
      `select t.changes, (select count(*)::int from ampsync_private.change c where c.tx_id = t.tx_id) as rows,
              (select count(distinct c.published_id)::int from ampsync_private.change c where c.tx_id = t.tx_id) as tables
         from ampsync_private.change_tx t order by t.position desc limit 1`,
    );
    expect(rows).toEqual([{ changes: 1000, rows: 1000, tables: 3 }]);
  });

  test("has ten thousand small transactions, stored by few calls", async () => {
    await pass.stop();
    await db.query(
      "create procedure many() language plpgsql as $$ begin for i in 1..10000 loop insert into a values (1000 + i); commit; end loop; end; $$",
    );
    await db.query("call many()");
    let calls = 0;
    const count = (point: FaultPoint) => {
      if (point === "capture_before_commit") calls++;
    };
    pass = startPass(db, { at: count });
    await untilCaptured(db);
    expect(calls).toBeLessThanOrEqual(200);
    await expectExactLog(db);
  });
});
