import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createLogicalDatabase } from "../../support/postgres/logical-database.ts";
import type { TestDatabase } from "../../support/postgres/postgres.ts";
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
