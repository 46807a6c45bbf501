import { describe, expect, test } from "vitest";
import { backendOf, untilBlocked } from "../../support/postgres/rivals.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";
import { capturedTable, loggedEntries, row, SqlCapture } from "../../support/postgres/sql-capture.ts";

const db = rolledBackDatabase();
const shared = sharedDatabase();

async function notedAsNow(on: Pick<typeof db, "query"> = db): Promise<void> {
  await on.query(
    `update ampsync_private.published p set columns = ampsync_private.published_columns(p.relation),
            storage = ampsync_private.published_storage(p.relation), schema_name = 'public',
            table_name = p.relation::text`,
  );
}

/** A Relation message of a table as it is now. */
async function relationOf(oid: string, before = 0, on: Pick<typeof db, "query"> = db) {
  const { rows } = await on.query(
    `select jsonb_agg(jsonb_build_object('name', a.attname, 'type', a.atttypid::text, 'typmod', a.atttypmod,
                                         'key', coalesce(a.attnum = any (i.indkey), false)) order by a.attnum) as columns,
            c.relname as name
       from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
       left join pg_index i on i.indrelid = c.oid and i.indisprimary
      where c.oid = $1 group by c.relname`,
    [oid],
  );
  const { columns, name } = rows[0]!;
  return { before, relation: oid, schema: "public", table: name, identity: "f", columns };
}

const kinds = async (): Promise<string[]> => (await loggedEntries(db)).map((entry) => entry.split(" ")[0]!);

const capture = async () =>
  (await db.query("select large_tx, leftover, acquired_at from ampsync_private.capture")).rows[0]!;

describe("a large transaction", () => {
  test("whose lines are to be decoded anew leaves its rows to be removed later", async () => {
    const todos = await capturedTable(db, "todos");
    await notedAsNow();
    const pass = await SqlCapture.take(db);
    await pass.storeChanges([row(todos, "1"), row(todos, "2")]);
    const { large_tx } = await capture();
    await db.query("alter table public.todos rename column id to ident");
    const answer = await pass.commit([
      { lsn: 0x100, ahead: 2, changes: [row(todos, "3")], relations: [await relationOf(todos)] },
    ]);
    expect(answer).toMatchObject({ reread: true, commit_lsn: null });
    expect(await capture()).toEqual({ large_tx: null, leftover: [large_tx], acquired_at: null });
    const { rows } = await db.query("select count(*)::integer as n from ampsync_private.change");
    expect(rows).toEqual([{ n: 3 }]);
    await db.query("select ampsync_worker.remove_leftover()");
    expect((await db.query("select from ampsync_private.change")).rows).toEqual([]);
  });

  test("tells every column in which it has a NULL, of whichever part", async () => {
    const [todos, notes] = [await capturedTable(db, "todos"), await capturedTable(db, "notes")];
    await db.query(
      "alter table public.todos alter title set not null; alter table public.notes alter title set not null",
    );
    await notedAsNow();
    const pass = await SqlCapture.take(db);
    await pass.storeChanges([row(todos, "1", { data: { id: "1", title: null } })]);
    await pass.storeChanges([row(notes, "1", { data: { id: "1", title: "a" } })], 1);
    await pass.commit([
      { lsn: 0x100, ahead: 2, changes: [row(notes, "2", { data: { id: "2", title: null } })] },
    ]);
    expect(await kinds()).toEqual(["schema", "schema", "rows"]);
  });

  test.each([
    ["has rows of the former form", "todos", ["schema", "floor", "rows"]],
    ["has rows of other tables alone before", "notes", ["schema", "rows"]],
  ])("in which a table changes and that %s", async (_, first, expected) => {
    const tables = { todos: await capturedTable(db, "todos"), notes: await capturedTable(db, "notes") };
    await notedAsNow();
    const pass = await SqlCapture.take(db);
    await pass.storeChanges([row(tables[first as "todos"], "1")]);
    await pass.storeChanges([row(tables.notes, "2")], 1);
    await db.query("alter table public.todos add column extra text");
    await pass.commit([
      {
        lsn: 0x100,
        ahead: 2,
        changes: [row(tables.todos, "3")],
        relations: [await relationOf(tables.todos, 2)],
      },
    ]);
    expect(await kinds()).toEqual(expected);
  });
});

describe("a table that somebody keeps locked", () => {
  test("holds up no Relation of it: what it became is loaded anew", async () => {
    const todos = await capturedTable(shared, "todos");
    await shared.query("alter table public.todos alter title set default 'x'");
    await notedAsNow(shared);
    await shared.query("alter table public.todos add column extra text");
    const pass = await SqlCapture.take(shared);
    const relations = [await relationOf(todos, 0, shared)];
    const user = await shared.client();
    await user.query("begin; lock table public.todos in access exclusive mode");
    await pass.commit([{ lsn: 0x100, changes: [row(todos, "1")], relations }]);
    await user.query("rollback");
    expect((await loggedEntries(shared)).map((entry) => entry.split(" ")[0])).toContain("rows");
  });

  test("holds up no migration that came through WAL", async () => {
    await capturedTable(shared, "notes");
    await notedAsNow(shared);
    await shared.query("alter table public.notes alter title set default 'x'");
    const user = await shared.client();
    await user.query("begin; lock table public.notes in access exclusive mode");
    // From PostgreSQL 17 on it would wait for the user, for ever.
    await shared.query("select ampsync_private.migrated_tables()");
    await user.query("rollback");
  });
});

test("what a migration made is read before the log lock, which every published commit waits for", async () => {
  const [other, holder] = [await shared.client(), await shared.client()];
  await capturedTable(shared, "migrated");
  await notedAsNow(shared);
  const { rows } = await shared.query(
    `with written as (insert into ampsync.client_migration (id, migrationname, upqueries)
                      values (gen_random_uuid(), 'm1', '["x"]') returning upqueries),
          version as (insert into ampsync_private.schema_version
                             (version, ordinal, migration, breaking, min_client, created_at)
                      values ('1.0.0', 1, 'm1', false, '0.0.0', now()) returning xid)
     select xid::text, encode(sha256(convert_to(upqueries::text, 'UTF8')), 'hex') as hash from written, version`,
  );
  const { xid, hash } = rows[0]!;
  // Of that migration, as far as the catalogue tells.
  await shared.query("alter table public.migrated add column x int");
  await shared.query(
    `update ampsync_private.published p
        set storage = jsonb_set(p.storage, '{attributes}', ampsync_private.published_storage(p.relation) -> 'attributes')
      where p.table_name = 'migrated'`,
  );
  const pass = await SqlCapture.take(other);
  await holder.query("begin; select ampsync_private.lock_log()");
  const content = JSON.stringify({ version: "1.0.0", name: "m1", direction: "up", hash });
  const pid = await backendOf(other);
  const commit = pass.commit([{ lsn: 0x200, xid, messages: [{ prefix: "ampsync/migration", content }] }]);
  await untilBlocked(shared, pid);
  await shared.query("alter table public.migrated add column y int");
  await holder.query("rollback");
  await commit;
  const { rows: noted } = await shared.query(
    `select p.migrating ->> 'version' as version, jsonb_path_query_array(p.migrating, '$.columns[*].name') as columns
       from ampsync_private.published p where p.table_name = 'migrated'`,
  );
  expect(noted).toEqual([{ version: "1.0.0", columns: ["id", "title", "x"] }]);
});

test("the same call whose answer was lost says as the first that lines are to be decoded anew", async () => {
  const todos = await capturedTable(db, "todos");
  const pass = await SqlCapture.take(db);
  const group = [{ lsn: 0x100, changes: [row(todos, "1")] }];
  await pass.commit(group, null);
  await db.query("update ampsync_private.capture set acquired_at = null"); // As move_capture leaves it.
  expect(await pass.commit(group, null)).toMatchObject({ reread: true, commit_lsn: "0/100" });
});
