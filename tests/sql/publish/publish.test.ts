import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createLogicalDatabase } from "../../support/postgres/logical-database.ts";
import type { TestDatabase } from "../../support/postgres/postgres.ts";
import { backendOf } from "../../support/postgres/rivals.ts";
import { tendPublication } from "../../support/postgres/tended.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await createLogicalDatabase();
});
afterAll(() => db.drop());

let tables = 0;
let todos: string;
beforeEach(async () => {
  todos = `public.todos_${++tables}`;
  await db.query(`create table ${todos} (id integer primary key, title text)`);
});

const publish = (table: string, identity = "full") =>
  db.query("select ampsync.publish($1, $2)", [table, identity]);

async function published(table: string) {
  const { rows } = await db.query(
    `select p.mode, p.state, p.identity, p.columns #>> '{0,name}' as first_column,
            (select c.relreplident from pg_class c where c.oid = p.relation) as found,
            exists (select from pg_publication_tables t
                     where t.pubname = 'ampsync' and format('%I.%I', t.schemaname, t.tablename)::regclass = p.relation) as is_member
       from ampsync_private.published p where p.relation = $1::regclass`,
    [table],
  );
  return rows[0] ?? null;
}

const refused = (code: string, message: RegExp, hint: RegExp = /./) => ({
  code,
  message: expect.stringMatching(message),
  hint: expect.stringMatching(hint),
});

describe("publish", () => {
  test("puts a table into the publication, with whole old rows, and lets it start", async () => {
    await publish(todos);
    expect(await published(todos)).toEqual({
      mode: "rows",
      state: "starting",
      identity: "full",
      first_column: "id",
      found: "f",
      is_member: true,
    });
  });

  test("twice changes nothing", async () => {
    await publish(todos);
    const before = await db.query("select * from ampsync_private.published order by 1");
    await publish(todos);
    expect((await db.query("select * from ampsync_private.published order by 1")).rows).toEqual(before.rows);
  });

  test("again without an identity keeps the one that it has", async () => {
    await publish(todos, "key");
    await db.query("select ampsync.publish($1)", [todos]);
    expect(await published(todos)).toMatchObject({ identity: "key" });
    await expect(db.query("select ampsync.publish($1, baseline => true)", [todos])).rejects.toMatchObject(
      refused("SY402", /a baseline needs old rows/, /identity => 'full'/),
    );
    expect(await published(todos)).toMatchObject({ identity: "key" });
  });

  test("with identity key leaves an identity alone that has the key", async () => {
    await publish(todos, "key");
    expect(await published(todos)).toMatchObject({ identity: "key", found: "d", is_member: true });
  });

  test("with another identity changes it, and never weakens what the table has", async () => {
    await publish(todos, "key");
    await publish(todos, "full");
    expect(await published(todos)).toMatchObject({ identity: "full", found: "f", state: "starting" });
    await publish(todos, "key");
    expect(await published(todos)).toMatchObject({ identity: "key", found: "f" });
  });

  test("gives identity key to a table without any", async () => {
    await db.query(`alter table ${todos} replica identity nothing`);
    await publish(todos, "key");
    expect(await published(todos)).toMatchObject({ identity: "key", found: "d" });
  });

  test("of a partitioned table sets the identity of each partition", async () => {
    await db.query(`create table parts (id integer primary key) partition by range (id);
      create table parts_1 partition of parts for values from (0) to (10)`);
    await publish("parts");
    const { rows } = await db.query(
      "select relreplident as found from pg_class where relname ~ '^parts(_1)?$'",
    );
    expect(rows).toEqual([{ found: "f" }, { found: "f" }]);
    expect(await published("parts")).toMatchObject({ is_member: true });
    await expect(publish("parts_1")).rejects.toMatchObject(
      refused("SY402", /is a partition/, /publish\('public.parts'\)/),
    );
  });
});

describe("publish refuses, with what helps,", () => {
  test.each([
    ["a table without primary key", "create table t_x (id integer)", /no primary key/],
    ["an unlogged table", "create unlogged table t_x (id integer primary key)", /unlogged/],
    ["a temporary table", "create temp table t_x (id integer primary key)", /it is temporary$/],
    ["an index", "create table t_y (id integer); create index t_x on t_y (id)", /it is an index$/],
    ["a sequence", "create sequence t_x", /it is a sequence$/],
    ["a view", "create view t_x as select 1 as id", /a view/],
    [
      "a table with children",
      "create table t_x (id integer primary key); create table t_child () inherits (t_x)",
      /inherit/,
    ],
    [
      "a column that names objects",
      "create table t_x (id integer primary key, r regclass)",
      /no type regclass/,
    ],
    [
      "a column of a composite type",
      "create type pair as (a integer, b integer); create table t_x (id integer primary key, p pair)",
      /no type public.pair/,
    ],
    [
      "a generated column that uses a function of the application",
      `create function twice(integer) returns integer language sql immutable as 'select 2 * $1';
       create table t_x (id integer primary key, d integer generated always as (twice(id)) stored)`,
      /uses public.twice\(integer\)/,
    ],
    [
      "a primary key with a generated column, which WAL does not have",
      "create table t_x (a integer, g integer generated always as (a * 2) stored, primary key (a, g))",
      /column g of its primary key is generated/,
    ],
    [
      "a key that is generated",
      "create table t_x (a integer, id integer generated always as (a * 2) stored primary key)",
      /the column id of its primary key is generated/,
    ],
    [
      "a partitioned table whose key has a generated column",
      `create table t_x (id integer, g integer generated always as (id * 2) stored, primary key (id, g))
         partition by range (id);
       create table t_x_1 partition of t_x for values from (0) to (10)`,
      /the column g of its primary key is generated/,
    ],
    [
      "whole old rows beside a list of columns",
      "create table t_x (id integer primary key, a text); create publication p_x for table t_x (id)",
      /another publication lists columns of it: p_x/,
    ],
  ])("%s", async (_what, make, message) => {
    await db.query("begin");
    await db.query(make);
    await db.query("savepoint made");
    const error = await publish("t_x").catch((thrown: unknown) => thrown);
    await db.query("rollback");
    expect(error).toMatchObject(refused("SY402", message));
  });

  test("the schemas of ampsync, of the queue and of the server", async () => {
    for (const table of ["ampsync_private.stream", "graphile_worker._private_jobs", "pg_catalog.pg_class"]) {
      await expect(publish(table)).rejects.toMatchObject(refused("SY402", /not for applications/));
    }
  });

  test("an index and a sequence, with the table that they belong to", async () => {
    await db.query(`alter table ${todos} add column number serial`);
    const itself = new RegExp(`^select ampsync.publish\\('${todos}'\\);$`);
    await expect(publish(`${todos}_pkey`)).rejects.toMatchObject(refused("SY402", /an index$/, itself));
    await expect(publish(`${todos}_number_seq`)).rejects.toMatchObject(
      refused("SY402", /a sequence$/, itself),
    );
  });

  test("an identity that there is not", async () => {
    await expect(publish(todos, "some")).rejects.toMatchObject(refused("SY402", /no identity 'some'/));
  });

  test("the key where another publication filters by more, and it is the key that would be set", async () => {
    await db.query(`create publication by_title for table ${todos} where (title > 'a');
      alter table ${todos} replica identity nothing`);
    await expect(publish(todos, "key")).rejects.toMatchObject(
      refused("SY402", /filters by more than its key/, /publish\('public.todos_\d+'\)/),
    );
    await publish(todos);
    await db.query(
      `insert into ${todos} values (1, 'b'); update ${todos} set title = 'c'; delete from ${todos}`,
    );
  });

  test("a table that its own transaction has locked", async () => {
    await db.query(`begin; select from ${todos}`);
    const error = await publish(todos).catch((thrown: unknown) => thrown);
    await db.query("rollback");
    expect(error).toMatchObject(refused("25001", /locked by this transaction/));
  });

  test("a server without limit of WAL where one is required, else warns", async () => {
    const client = await db.client();
    const warnings: (string | undefined)[] = [];
    client.on("notice", ({ severity, hint }) => severity === "WARNING" && warnings.push(hint));
    await client.query(`select ampsync.publish('${todos}')`);
    expect(warnings).toEqual([
      "alter system set max_slot_wal_keep_size = '16384MB'; select pg_reload_conf();",
    ]);

    await db.query("create table public.limited (id integer primary key)");
    await client.query("begin; select ampsync.configure_capture(require_wal_limit => true)");
    const error = await client.query("select ampsync.publish('public.limited')").catch((thrown) => thrown);
    await client.query("rollback");
    expect(error).toMatchObject(refused("SY403", /no limit of WAL/, /max_slot_wal_keep_size/));
  });
});

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
    ...refused(
      "55P03",
      /in use, and could not be locked within/,
      new RegExp(`terminate_backend\\(${pid}\\)`),
    ),
    detail: expect.stringContaining(`backend ${pid}`),
  });
  const { rows } = await db.query("select to_regclass('kept_by_caller') is not null as kept");
  expect(rows).toEqual([{ kept: true }]);
});

describe("unpublish", () => {
  test("of one whose identity cannot be put back keeps nobody else from getting his, and is a finding", async () => {
    const index = `${todos.split(".")[1]}_key`;
    await db.query(`create unique index ${index} on ${todos} (id);
      alter table ${todos} replica identity using index ${index}`);
    await publish(todos);
    await db.query("create table after_it (id integer primary key)");
    await publish("after_it");
    await db.query(
      `update ampsync_private.published set identity_before = jsonb_build_object(relation::oid, 'i"x')
                     where relation = $1::regclass`,
      [todos],
    ); // No such statement.
    await db.query("select ampsync.unpublish($1), ampsync.unpublish('after_it')", [todos]);
    await tendPublication(db);
    const { rows } = await db.query("select relreplident as found from pg_class where relname = 'after_it'");
    expect(rows).toEqual([{ found: "d" }]);
    expect(await tendPublication(db)).toEqual([]);
    const doctor = await db.query("select finding, fix from ampsync.doctor() where subject = $1", [todos]);
    expect(doctor.rows).toMatchObject([{ finding: expect.stringMatching(/could not be put back/) }]);
    await db.query(doctor.rows[0]!["fix"]);
    await db.query("update ampsync_private.published set put_back = null where put_back is not null");
  });

  test("leaves the identity as it is where its index cannot be one any more", async () => {
    const index = `${todos.split(".")[1]}_title`;
    await db.query(`alter table ${todos} alter title set not null; create unique index ${index} on ${todos} (title);
      alter table ${todos} replica identity using index ${index}`);
    await publish(todos);
    await db.query(`alter table ${todos} alter title drop not null`);
    await db.query("select ampsync.unpublish($1)", [todos]);
    await tendPublication(db);
    const { rows } = await db.query("select relreplident as found from pg_class where oid = $1::regclass", [
      todos,
    ]);
    expect(rows).toEqual([{ found: "f" }]);
  });

  test("is in the log, once", async () => {
    await publish(todos);
    await db.query(
      "update ampsync_private.published set state = 'live', floor = 0 where relation = $1::regclass",
      [todos],
    );
    await db.query("select ampsync.unpublish($1)", [todos]);
    for (let look = 0; look < 2; look++) await db.query("select ampsync_worker.activate_targets()");
    const { rows } = await db.query(
      `select t.kind, t.details ->> 'state' as state from ampsync_private.change_tx t
         join ampsync_private.published p on t.details -> 'tables' @> to_jsonb(p.published_id)
        where format('public.%s', p.table_name) = $1`,
      [todos],
    );
    expect(rows).toEqual([{ kind: "schema", state: "ended" }]);
  });

  test("takes a table out, keeps its row, and has the identity put back", async () => {
    await db.query(`create unique index on ${todos} (title); alter table ${todos} alter column title set not null;
      alter table ${todos} replica identity using index ${todos.split(".")[1]}_title_idx`);
    await publish(todos);
    await db.query("select ampsync.unpublish($1)", [todos]);
    await tendPublication(db);
    const { rows } = await db.query(
      `select p.state, p.put_back, c.relreplident as found
         from ampsync_private.published p join pg_class c on c.relname = p.table_name
        where p.table_name = $1`,
      [todos.split(".")[1]],
    );
    expect(rows).toEqual([{ state: "ended", put_back: null, found: "i" }]);
  });

  test("leaves an identity alone that was changed meanwhile", async () => {
    await publish(todos);
    await db.query(`select ampsync.unpublish('${todos}')`);
    await db.query(`alter table ${todos} replica identity nothing`);
    await tendPublication(db);
    const { rows } = await db.query("select relreplident as found from pg_class where oid = $1::regclass", [
      todos,
    ]);
    expect(rows).toEqual([{ found: "n" }]);
  });

  test("and publish again make another row, which knows the first identity", async () => {
    await publish(todos);
    await db.query(`select ampsync.unpublish('${todos}')`);
    await publish(todos);
    const { rows } = await db.query(
      `select p.state, p.put_back, array(select jsonb_object_keys(p.identity_before)) = array[$1::regclass::oid::text] as knows
         from ampsync_private.published p where p.table_name = $2 order by p.published_id`,
      [todos, todos.split(".")[1]],
    );
    expect(rows).toEqual([
      { state: "ended", put_back: null, knows: true },
      { state: "starting", put_back: null, knows: true },
    ]);
    await db.query(`select ampsync.unpublish('${todos}')`);
    await tendPublication(db);
    const found = await db.query("select relreplident as found from pg_class where oid = $1::regclass", [
      todos,
    ]);
    expect(found.rows).toEqual([{ found: "d" }]);
  });

  test("of what is not published is a notice", async () => {
    const client = await db.client();
    const notices: (string | undefined)[] = [];
    client.on("notice", ({ message }) => notices.push(message));
    await client.query(`select ampsync.unpublish('${todos}')`);
    expect(notices).toEqual([expect.stringContaining("is not published, nothing was changed")]);
  });
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
    await tendPublication(db);
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

test("another mode lets the pass under way end, and queues the next one", async () => {
  await publish(todos);
  await tendPublication(db);
  await db.query("select ampsync_worker.register_worker('w', 'host', 1, '0', 1)");
  await db.query("select ampsync_worker.take_capture('w')");
  const state = async () => {
    const { rows } = await db.query(
      `select c.worker_id, ampsync_private.capture_runs() as runs,
              exists (select from graphile_worker.jobs j where j.key = 'ampsync_capture') as is_queued
         from ampsync_private.capture c`,
    );
    return rows[0];
  };
  await db.query("select graphile_worker.remove_job('ampsync_capture')");
  await db.query("select ampsync.configure_capture(mode => 'poll')");
  await db.query("select ampsync_worker.supervise_capture()");
  expect(await state()).toEqual({ worker_id: null, runs: false, is_queued: true });

  // A pass of mode poll that is heard of no more, though its worker lives.
  await db.query("select ampsync_worker.take_capture('w')");
  expect(await state()).toMatchObject({ worker_id: "w", runs: true });
  await db.query(
    `update ampsync_private.capture
        set acquired_at = acquired_at - interval '1 min', received_at = null, stored_at = null`,
  );
  expect(await state()).toMatchObject({ runs: false });
  await db.query("select ampsync.configure_capture(mode => 'poll')"); // As it is: nothing ends.
  expect(await state()).toMatchObject({ worker_id: "w" });
  await db.query("select ampsync.configure_capture(mode => 'stream')");
});

describe("a transaction that stays open", () => {
  test.each([
    ["with a publication", (table: string) => `select ampsync.publish('${table}')`],
    ["with the end of one", () => "select ampsync.unpublish('always')"],
    ["with a baseline to be taken", () => "select ampsync.publish('always', baseline => true)"],
    ["that only looked at the settings", () => "select ampsync.configure_capture()"],
  ])("%s, keeps no job of capture waiting", async (_what, statement) => {
    await db.query("create table if not exists always (id integer primary key)");
    await publish("always");
    await tendPublication(db);
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
