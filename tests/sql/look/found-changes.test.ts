import { createHash } from "node:crypto";

import { beforeAll, describe, expect, test } from "vitest";

import { Follower } from "../../support/capture/follower.ts";
import { HandPass } from "../../support/capture/hand-pass.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";

const db = sharedDatabase();
const clients = sharedDatabase();

let pass: HandPass;
let follower: Follower;

beforeAll(async () => {
  pass = await HandPass.begin(db);
  follower = new Follower(db, clients);
});

async function captured(name: string): Promise<number> {
  await db.query(`create table public.${name} (id int primary key, v text)`);
  const id = await pass.publish(`public.${name}`);
  await pass.drain();
  await follower.follow(id);
  return id;
}

/** Entries about a table behind its first one, its rows between them, and those of the migration of a test. */
async function logOf(id: number, migration: string | null = null): Promise<Record<string, unknown>[]> {
  const { rows } = await db.query(
    `select t.kind, t.schema_version as version, t.details ->> 'reason' as reason, t.details ->> 'migration' as migration,
            (select string_agg(c.data ->> 'v', ',' order by c.seq) from ampsync_private.change c
              where c.tx_id = t.tx_id and c.published_id = $1) as written
       from ampsync_private.change_tx t
      where t.kind <> 'rows' and t.details -> 'tables' @> to_jsonb($1::integer)
                             and t.details ->> 'reason' is distinct from 'published'
         or t.details ->> 'migration' = $2
         or t.kind = 'rows' and exists (select from ampsync_private.change c
                                         where c.tx_id = t.tx_id and c.published_id = $1)
      order by t.position`,
    [id, migration],
  );
  return rows;
}

interface Published {
  readonly [column: string]: unknown;
  readonly seen: { readonly token: string } | null;
  readonly floor: string;
  readonly rebuildable_from: string;
}

async function published(id: number): Promise<Published> {
  const { rows } = await db.query<Published>(
    "select * from ampsync_private.published p where p.published_id = $1",
    [id],
  );
  return rows[0]!;
}

async function floors(id: number): Promise<number> {
  return (await logOf(id)).filter(({ kind }) => kind === "floor").length;
}

async function refusals(): Promise<number> {
  const { rows } = await db.query(
    `select coalesce(sum(1 + coalesce((e.details ->> 'repeated')::integer, 0)), 0)::integer as n
       from ampsync_private.event e where e.event = 'message_refused'`,
  );
  return rows[0]!["n"];
}

async function emit(content: string): Promise<void> {
  await db.query("select pg_logical_emit_message(true, 'ampsync/schema', $1)", [content]);
}

async function newestVersion(): Promise<string> {
  const { rows } = await db.query("select ampsync_private.present_version() as version");
  return rows[0]!["version"];
}

async function equal(id: number): Promise<void> {
  await follower.follow(id);
  expect(await follower.rows(id)).toEqual(await follower.expected(id));
}

test("rows before an ALTER carry the former version, rows after it the new one, the entry stands between", async () => {
  const id = await captured("versioned");
  const former = await newestVersion();
  await db.query("insert into versioned values (1, 'old')");
  await db.query("alter table versioned add column x int default 5");
  await db.query("insert into versioned values (2, 'new', 6)");
  await pass.drain();
  const found = await newestVersion();
  expect(found).toBe("0.0.0+1");
  expect(await logOf(id)).toMatchObject([
    { kind: "rows", version: former, written: "old" },
    { kind: "schema", version: found, reason: "Columns were added.", migration: `found_${found}` },
    { kind: "rows", version: found, written: "new" },
  ]);
  await equal(id);
});

test("what was found is stored for clients: statements, what they touch, and the version", async () => {
  await captured("stored");
  await db.query("alter table stored add column x text default 'it''s', alter column v set default 'none'");
  await db.query("alter table stored alter x set default concat('a', 'b')");
  await db.query("insert into stored (id) values (1)");
  await pass.drain();
  const version = await newestVersion();
  const { rows } = await db.query(
    `select v.breaking, v.min_client, v.equals, m.upqueries, m.downqueries,
            (select jsonb_agg(s.touches order by s.direction desc, s.n) from ampsync_private.migration_statement s
              where s.migration = v.migration) as touches,
            v.position = (select max(t.position) from ampsync_private.change_tx t where t.kind = 'schema') as is_placed
       from ampsync_private.schema_version v
       join ampsync.client_migration m on m.migrationname = v.migration
      where v.version = $1`,
    [version],
  );
  const touched = { tables: ["public.stored"], renames: {} };
  expect(rows).toMatchObject([
    {
      breaking: false,
      min_client: "0.0.0",
      equals: null,
      upqueries: [
        "alter table if exists public.stored alter column v set default 'none'",
        "alter table if exists public.stored add column if not exists x text default 'it''s'",
        "alter table if exists public.stored alter column x drop default",
      ],
      downqueries: [
        "alter table if exists public.stored alter column x drop default",
        "alter table if exists public.stored drop column if exists x",
        "alter table if exists public.stored alter column v drop default",
      ],
      touches: ["v", "x", "x", "x", "x", "v"].map((column) => ({ ...touched, columns: [column] })),
      is_placed: true,
    },
  ]);
});

test("a version that clients cannot follow by statements has none, and counts on from the application's", async () => {
  const id = await captured("counted");
  await db.query(
    `insert into ampsync_private.schema_version (version, ordinal, migration, breaking, min_client, position, created_at)
     select '1.5.0', max(v.ordinal) + 1, 'authored', true, '1.2.0', ampsync_private.log_head() + 1, now()
       from ampsync_private.schema_version v`,
  );
  await db.query("select ampsync_private.log_entry('schema', '{}', '{}')");
  for (const column of ["v", "u"]) {
    await db.query(`alter table counted rename ${column} to ${column === "v" ? "u" : "w"}`);
    await db.query("insert into counted values ((select count(*) from counted), 'x')");
    await pass.drain();
  }
  const { rows } = await db.query(
    `select v.version, v.migration, v.min_client, v.breaking from ampsync_private.schema_version v
      where v.version like '1.5.0+%' order by v.ordinal`,
  );
  expect(rows).toEqual([
    { version: "1.5.0+1", migration: null, min_client: "1.2.0", breaking: false },
    { version: "1.5.0+2", migration: null, min_client: "1.2.0", breaking: false },
  ]);
  await equal(id);
});

test("one floor tells of everything that had happened when it was raised", async () => {
  const id = await captured("at_once");
  await db.query("insert into at_once values (1, 'a')");
  await pass.drain();
  await db.query("alter table at_once add column x int not null default 3");
  await db.query("insert into at_once values (2, 'b', 4)");
  await db.query("truncate at_once");
  await pass.drain();
  await pass.drain();
  expect(await floors(id)).toBe(1);
  const { floor, rebuildable_from: from } = await published(id);
  expect(Number(from)).toBeGreaterThan(Number(floor)); // What was between them cannot be told.
  await db.query("alter table at_once alter x type int using x + 1"); // And what happens later costs another one.
  await pass.look();
  await pass.drain();
  expect(await floors(id)).toBe(2);
});

test("an authored migration is the entry of its tables, and theirs alone", async () => {
  const id = await captured("migrated");
  const other = await captured("not_migrated");
  const up = JSON.stringify(["alter table migrated rename v to title"]);
  await db.query(
    "insert into ampsync.client_migration (id, migrationname, upqueries) values (gen_random_uuid(), 'm1', $1)",
    [up],
  );
  const { rows } = await db.query(
    "select m.upqueries::text as up from ampsync.client_migration m where m.migrationname = 'm1'",
  );
  const hash = createHash("sha256").update(rows[0]!["up"]).digest("hex");
  const message = JSON.stringify({ version: "2.0.0", name: "m1", direction: "up", hash });
  await db.query(
    `do $do$ begin
       perform pg_logical_emit_message(true, 'ampsync/migration', '${message}');
       insert into ampsync_private.schema_version (version, ordinal, migration, breaking, min_client, created_at)
       select '2.0.0', max(v.ordinal) + 1, 'm1', true, '2.0.0', now() from ampsync_private.schema_version v;
       alter table migrated rename v to title;
     end $do$`,
  );
  await db.query("insert into migrated values (1, 'a')");
  await db.query("alter table not_migrated add column x int");
  await db.query("insert into not_migrated values (1, 'a', 1)");
  await pass.drain();
  await pass.look();
  await pass.drain();
  const about = (log: Record<string, unknown>[]) => log.map(({ kind, migration }) => [kind, migration]);
  expect(about(await logOf(id, "m1")).at(-2)).toEqual(["schema", "m1"]);
  expect((await logOf(id)).at(-1)).toMatchObject({ kind: "rows", version: "2.0.0" });
  expect(about(await logOf(other)).filter(([kind]) => kind === "schema")).toContainEqual([
    "schema",
    "found_2.0.0+1",
  ]);
  expect(await floors(id)).toBe(0);
});

test("what somebody alters beside an authored migration, before anything is read, is found all the same", async () => {
  const id = await captured("beside");
  await db.query("alter table beside add column x int default 1");
  await db.query("alter table beside add column y int default 2");
  await db.query(
    `select ampsync_private.note_migration('3.1.0', a.xmin::text, ampsync_private.migrated_tables())
       from pg_attribute a where a.attrelid = 'beside'::regclass and a.attname = 'x'`,
  );
  await db.query("insert into beside values (1, 'a', 2, 3)");
  await pass.drain();
  expect((await logOf(id)).map(({ kind, reason }) => reason ?? kind)).toEqual([
    "Columns were added.",
    "rows",
  ]);
  await equal(id);
});

test("an authored migration that takes a column from a shape of clients costs a floor", async () => {
  const id = await captured("shaped");
  await db.query(
    `insert into ampsync_private.shape (name, published_id, columns, bind, public, unindexed, rls, definition, since)
     values ('shaped', $1, '{id,v}', '{}', true, true, 'check', '', now())`,
    [id],
  );
  await db.query("alter table shaped rename v to title");
  await db.query(
    `select ampsync_private.note_migration('3.0.0', a.xmin::text, ampsync_private.migrated_tables())
       from pg_attribute a where a.attrelid = 'shaped'::regclass and a.attname = 'title'`,
  );
  await db.query("insert into shaped values (1, 'a')");
  await pass.drain();
  expect((await logOf(id)).map(({ kind }) => kind)).toEqual(["floor", "rows"]);
});

describe("a look", () => {
  test("that somebody forged changes nothing, and is told once a minute", async () => {
    const id = await captured("forged");
    const before = await published(id);
    const refused = await refusals();
    await emit("8d0c5a0e-0000-4000-8000-000000000000");
    await emit('{"columns": []}');
    await pass.drain();
    expect(await published(id)).toEqual(before);
    expect(await refusals()).toBe(refused + 1);
  });

  test("counts once, whoever sends its token again", async () => {
    const id = await captured("replayed");
    await db.query("alter table replayed alter v set default 'x'");
    await pass.look();
    const { seen } = await published(id);
    await pass.drain();
    await emit(seen!.token);
    await pass.drain();
    expect((await logOf(id)).filter(({ kind }) => kind === "schema")).toHaveLength(1);
  });

  test("is passed over without a word where a Relation came before its message", async () => {
    const id = await captured("overtaken");
    const refused = await refusals();
    await db.query("alter table overtaken alter v set default 'x'");
    await pass.look();
    const { seen } = await published(id);
    await db.query("select ampsync_private.void_look($1)", [id]);
    await pass.drain();
    expect((await published(id)).seen ?? {}).not.toMatchObject({ void: [seen!.token] });
    expect(await refusals()).toBe(refused);
    await pass.look();
    await pass.drain();
    expect((await logOf(id)).at(-1)).toMatchObject({ reason: "Not-null or defaults changed." });
  });

  test("leaves a table that is being changed to the next one", async () => {
    const id = await captured("locked");
    await db.query("alter table locked alter v set default 'x'");
    const user = await db.client();
    await user.query("begin");
    await user.query("lock table locked in access exclusive mode");
    await pass.look();
    await user.query("rollback");
    await pass.look();
    expect((await published(id)).seen).toMatchObject({ token: expect.any(String) });
    await pass.drain();
  });

  test("leaves a table whose row somebody holds to the next one", async () => {
    const id = await captured("held");
    await db.query("alter table held alter v set default 'x'");
    const user = await db.client();
    await user.query("begin");
    await user.query("select from ampsync_private.published p where p.published_id = $1 for update", [id]);
    expect(await pass.look()).toBe(0);
    await user.query("rollback");
    expect(await pass.look()).toBe(1);
    await pass.drain();
  });

  test("is made once in half a minute", async () => {
    await captured("often");
    await pass.look();
    await db.query("alter table often alter v set default 'x'");
    const { rows } = await db.query("select ampsync_worker.look_at_tables() as sent");
    expect(rows[0]!["sent"]).toBe(0);
    expect(await pass.look()).toBe(1);
    await pass.drain();
  });
});

test("publishing another table leaves the publication's own record as it is", async () => {
  const xmin = async () =>
    (await db.query("select xmin::text from pg_publication where pubname = 'ampsync'")).rows[0];
  await captured("first");
  const before = await xmin();
  await captured("second");
  expect(await xmin()).toEqual(before);
});

test("a renamed table says its former name, and goes on under the new one", async () => {
  const id = await captured("named");
  await db.query("alter table named rename to called");
  await db.query("insert into called values (1, 'a')");
  await pass.drain();
  const { rows } = await db.query(
    "select t.details -> 'renamed' ->> $1 as former from ampsync_private.change_tx t where t.details -> 'renamed' ? $1",
    [String(id)],
  );
  expect(rows).toEqual([{ former: "public.named" }]);
  await equal(id);
});
