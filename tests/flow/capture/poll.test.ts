import { afterAll, beforeAll, expect, test } from "vitest";

import { logged, publish, type RunningPass, startPass, untilCaptured } from "../../support/capture/rig.ts";
import { createLogicalDatabase } from "../../support/postgres/logical-database.ts";
import type { TestDatabase } from "../../support/postgres/postgres.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await createLogicalDatabase();
  await db.query("create table todos (id integer primary key, title text)");
  await db.query("create table unpublished (id integer, filler text)");
  await db.query("select ampsync.configure_capture(mode => 'poll', poll_interval => '100 ms')");
  await publish(db, ["todos"]);
});
afterAll(() => db.drop());

const titles = async () => (await logged(db)).map(({ operation, data }) => `${operation} ${data?.["title"]}`);

/** While a pass of this mode works. */
async function during(mode: "poll" | "stream", work: () => Promise<void>): Promise<RunningPass> {
  await db.query("select ampsync.configure_capture(mode => $1)", [mode]);
  const pass = startPass(db, { workerId: `worker of ${mode}` });
  await work();
  await untilCaptured(db);
  await pass.stop();
  return pass;
}

test("mode poll brings the same changes in the same order, and the mode is changed without a gap", async () => {
  await during("poll", async () => {
    await db.query("insert into todos values (1, 'one'), (2, 'two')");
    await db.query("update todos set title = 'two!' where id = 2");
    await db.query("begin; delete from todos where id = 1; insert into todos values (3, 'three'); commit");
  });
  expect(await titles()).toEqual([
    "insert one",
    "insert two",
    "update two!",
    "delete undefined",
    "insert three",
  ]);
  await db.query("insert into todos values (4, 'between')");
  await during("stream", async () => void (await db.query("insert into todos values (5, 'streamed')")));
  await db.query("insert into todos values (6, 'between again')");
  await during("poll", async () => void (await db.query("insert into todos values (7, 'polled')")));
  expect((await titles()).slice(5)).toEqual([
    "insert between",
    "insert streamed",
    "insert between again",
    "insert polled",
  ]);
  const { rows } = await db.query(
    `select c.replayed_tx, s.confirmed_flush_lsn <= greatest(c.end_lsn, c.idle_lsn) as is_behind_log,
            ampsync_private.slot_fault() as fault
       from ampsync_private.capture c join pg_replication_slots s on s.slot_name = c.slot`,
  );
  expect(rows).toEqual([{ replayed_tx: "0", is_behind_log: true, fault: null }]);
});

test("more changes than a look takes, and one transaction of as many, come whole and once", async () => {
  const before = (await logged(db)).length;
  await during("poll", async () => {
    await db.query("insert into todos select n, 'many' from generate_series(1001, 7000) n");
    await db.query(`do $$ begin
      for n in 20001..25200 loop insert into todos values (n, 'each'); commit; end loop; end $$`);
  });
  const { rows } = await db.query(
    `select count(*)::integer as n, count(distinct c.key)::integer as keys
       from ampsync_private.change_tx t join ampsync_private.change c using (tx_id) where t.kind = 'rows'`,
  );
  expect(rows).toEqual([{ n: before + 11200, keys: expect.any(Number) }]);
});

test("behind WAL of other tables it goes on", async () => {
  await db.query("insert into unpublished select n, repeat('x', 1000) from generate_series(1, 80000) n");
  await during("poll", async () => void (await db.query("insert into todos values (99001, 'behind it')")));
  expect((await titles()).at(-1)).toBe("insert behind it");
});
