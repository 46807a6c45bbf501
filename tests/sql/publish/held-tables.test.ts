import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createLogicalDatabase } from "../../support/postgres/logical-database.ts";
import type { TestDatabase } from "../../support/postgres/postgres.ts";
import { backendOf } from "../../support/postgres/rivals.ts";
import { tendPublication } from "../../support/postgres/tended.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await createLogicalDatabase();
  await db.query("create table always (id integer primary key)");
  await publish("always");
  await tendPublication(db); // There is a slot.
});
afterAll(() => db.drop());

let tables = 0;
let todos: string;
beforeEach(async () => {
  todos = `public.todos_${++tables}`;
  await db.query(`create table ${todos} (id integer primary key, title text)`);
});

const publish = (table: string) => db.query("select ampsync.publish($1)", [table]);

test("a table in use is waited for in short attempts, then whoever uses it is named, and the caller keeps his transaction", async () => {
  const user = await db.client();
  const caller = await db.client();
  const pid = await backendOf(user);
  await user.query(`begin; insert into ${todos} values (1)`);
  await caller.query("begin; create table kept_by_caller (id integer); savepoint before");
  const error = await caller
    .query(`select ampsync_private.lock_to_publish('${todos}', 'full', '500 ms')`)
    .catch((thrown) => thrown);
  await caller.query("rollback to before; commit");
  await user.query("commit");
  expect(error).toMatchObject({
    code: "55P03",
    message: expect.stringMatching(/in use, and could not be locked within/),
    hint: expect.stringContaining(`select pg_terminate_backend(${pid});`),
    detail: expect.stringContaining(`backend ${pid}`),
  });
  const { rows } = await db.query("select to_regclass('kept_by_caller') is not null as kept");
  expect(rows).toEqual([{ kept: true }]);
});

describe("a table that others hold", () => {
  test.each(["deep", "deep_1", "deep_1_1"])(
    "by a lock on %s, of a partitioned table, keeps no pass and no look waiting",
    async (locked) => {
      const schema = `held_${locked}`;
      await db.query(`create schema ${schema};
        create table ${schema}.deep (id integer primary key) partition by range (id);
        create table ${schema}.deep_1 partition of ${schema}.deep for values from (0) to (10) partition by range (id);
        create table ${schema}.deep_1_1 partition of ${schema}.deep_1 for values from (0) to (5)`);
      await publish(`${schema}.deep`);
      const user = await db.client();
      const worker = await db.client();
      await user.query(`begin; lock table only ${schema}.${locked} in access exclusive mode`);
      await worker.query("set statement_timeout = '5s'; set lock_timeout = '1s'");
      for (const look of [
        "ampsync_worker.captured_tables()",
        "ampsync_private.publication_flaw()",
        "count(*) from ampsync_private.repair_candidates()",
      ]) {
        await worker.query(`select ${look}`);
      }
      await user.query("rollback");
      await db.query(`select ampsync.unpublish('${schema}.deep')`);
    },
  );

  test("and that is not in the publication therefore, does not go live before it is", async () => {
    await publish(todos);
    await tendPublication(db);
    const goesLive = async () => {
      const { rows } = await db.query(
        `select p.published_id = any (ampsync_private.hold_starting('FFFFFFFF/0')) as goes
           from ampsync_private.published p where p.relation = $1::regclass`,
        [todos],
      );
      return rows[0]!["goes"];
    };
    expect(await goesLive()).toBe(true);
    await db.query(`alter publication ampsync drop table ${todos}`);
    expect(await goesLive()).toBe(false); // Nobody has looked yet.
    const user = await db.client();
    await user.query(`begin; insert into ${todos} values (1)`);
    expect(await tendPublication(db)).toEqual(["publication_repaired"]);
    expect(await goesLive()).toBe(false);
    await user.query("rollback");
    await db.query("update ampsync_private.published set since = since - interval '10 s'");
    await tendPublication(db);
    expect(await goesLive()).toBe(true);
  });
});

test("a table that somebody alters while the slot is made anew starts later, and holds up no other", async () => {
  await db.query(`alter table ${todos} alter title set default 'none'`);
  await publish(todos);
  await db.query("create table beside (id integer primary key)");
  await publish("beside");
  await tendPublication(db);
  const user = await db.client();
  const worker = await db.client();
  await user.query(`begin; lock table ${todos} in access exclusive mode`);
  await worker.query("set lock_timeout = '300ms'");
  await worker.query("select ampsync_private.open_gap('slot_dropped', pg_current_wal_lsn())");
  const { rows } = await db.query(
    "select state from ampsync_private.published where relation::oid = 'beside'::regclass",
  );
  expect(rows).toEqual([{ state: "live" }]);
  await user.query("rollback");
  await db.query("update ampsync_private.published set since = since - interval '10 s'");
  await tendPublication(db);
  const errors = await db.query(
    "select from ampsync_private.published where state <> 'ended' and error is not null",
  );
  expect(errors.rowCount).toBe(0);
});

describe("a transaction that stays open", () => {
  test.each([
    ["with a publication", (table: string) => `select ampsync.publish('${table}')`],
    ["with the end of one", () => "select ampsync.unpublish('always')"],
    ["with a baseline to be taken", () => "select ampsync.publish('always', baseline => true)"],
    ["that only looked at the settings", () => "select ampsync.configure_capture()"],
  ])("%s, keeps no job of capture waiting", async (_what, statement) => {
    await db.query("select ampsync_worker.register_worker('w', 'host', 1, '0', 1)");
    for (const job of ["capture", "publication"]) {
      await db.query(`select ampsync_private.schedule_${job}()`); // Each runs for longer than a lease.
      await db.query(
        `update graphile_worker._private_jobs set locked_at = now() - interval '60 s', locked_by = 'w' where key = $1`,
        [`ampsync_${job}`],
      );
    }
    const { rows } = await db.query("select ampsync_worker.take_capture('w') as taken");
    const user = await db.client();
    await user.query(`begin; ${statement(todos)}`);
    const worker = await db.client();
    await worker.query("set lock_timeout = '1s'");
    await worker.query("select ampsync_worker.store_idle($1, '0/1', null)", [rows[0]!["taken"].generation]);
    await worker.query("select ampsync_worker.end_capture('w', $1, $2)", [
      rows[0]!["taken"].generation,
      { outcome: "rested" },
    ]);
    const queued = await db.query(
      "select from graphile_worker.jobs where key = 'ampsync_capture' and locked_at is null",
    );
    expect(queued.rowCount).toBe(1);
    await user.query("rollback");
    await db.query("delete from graphile_worker._private_jobs");
  });
});
