import { live as liveExtension } from "@electric-sql/pglite/live";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { applyFrame } from "../../../src/client/apply.ts";
import { AtMost } from "../../../src/client/at-most.ts";
import { type Database, read } from "../../../src/client/database.ts";
import { stage } from "../../../src/client/stage.ts";
import { openStore, type Store } from "../../../src/client/store.ts";
import { makeTable, Tables } from "../../../src/client/tables.ts";
import { frameOf } from "../../support/client/frames.ts";
import { EPOCH, todos } from "../../support/client/tables.ts";

const SNAPSHOT = "0190a0e0-0000-7000-8000-000000000001";
const TEXT = "1\ta\t1.5\tf\n2\tb\t\\N\tt\n";

let store: Store;
let pg: Database;
let tables: Tables;

beforeAll(async () => {
  store = await openStore("memory://", { live: liveExtension });
  pg = store.pg;
});

afterAll(async () => {
  await pg.close();
  store.release();
});

beforeEach(async () => {
  await pg.exec(`
    drop schema public cascade; create schema public; drop role if exists mine; delete from ampsync.synced;
    update ampsync.state set position = 0, blocks = 0, epoch = null, phase = 'new'`);
  tables = new Tables();
  tables.announce([todos]);
  await pg.transaction((tx) => makeTable(tx, todos));
  await tables.read(pg);
});

const oid = async (name: string) =>
  (await read<{ oid: number }>(pg, "select $1::text::regclass::oid as oid", [name]))[0]?.oid;
const titles = async () =>
  (await read<{ title: string }>(pg, "select title from todos order by id")).map(({ title }) => title);

async function stageTodos(): Promise<void> {
  const chunks = [{ n: 0, rows: 2, bytes: TEXT.length, xxh64: "0".repeat(16) }];
  await stage(
    {
      ...{
        pg,
        tables,
        hash: () => 0n,
        turn: (step) => step(),
        stored: async () => {},
        chunks: new AtMost(3),
        fetched: () => {},
      },
      ...{ fetchChunk: async () => new TextEncoder().encode(TEXT), signal: new AbortController().signal },
    },
    {
      t: "snapshot",
      shape: "s",
      snapshot: SNAPSHOT,
      table: "public.todos",
      rows: "2",
      checksum: "0",
      chunks,
    },
  );
}

async function load(): Promise<void> {
  const op = { op: "load", table: "public.todos", snapshots: [SNAPSHOT], rows: null, where: null };
  const frame = frameOf({ to: "1", ops: [op] });
  expect(await applyFrame(pg, tables, new Set(), EPOCH, frame)).toMatchObject({ kind: "applied" });
}

test("rows that come into an empty table are written once: their stage becomes the table", async () => {
  await stageTodos();
  const staged = await oid(`ampsync_stage."${SNAPSHOT}"`);
  await load();

  expect(await oid("public.todos")).toBe(staged);
  expect(await titles()).toEqual(["a", "b"]);
  expect(await read(pg, "select conname from pg_constraint where conname = 'todos_pkey'")).toHaveLength(1);
  await expect(pg.query("delete from todos")).rejects.toMatchObject({ code: "SY431" });
  const change = { op: "upsert", table: "public.todos", rows: '[{"id":"2","title":"c"}]' };
  await applyFrame(pg, tables, new Set(), EPOCH, frameOf({ from: "1", to: "2", ops: [change] }));
  expect(await titles()).toEqual(["a", "c"]);
});

const OTHERS: readonly (readonly [string, string, string])[] = [
  ["a view", "create view mine as select title from todos", "select title from mine"],
  ["an index", "create index mine on todos (title)", "select 'mine'::regclass"],
  [
    "a trigger",
    `create function mine() returns trigger language plpgsql as 'begin return null; end';
     create trigger mine after insert on todos for each row execute function mine()`,
    "select from pg_trigger where tgname = 'mine' and tgrelid = 'todos'::regclass",
  ],
  [
    "a foreign key",
    "create table mine (id bigint references todos on delete cascade)",
    "select from pg_constraint where confrelid = 'todos'::regclass",
  ],
  [
    "a function of its rows",
    "create function mine(t todos) returns text language sql begin atomic select t.title; end",
    "select mine(t) from todos t",
  ],
  [
    "a column of its rows",
    "create table mine (kept todos)",
    "select from pg_attribute where attname = 'kept' and atttypid = 'todos'::regtype",
  ],
  [
    "rights",
    "create role mine; grant select on todos to mine",
    "select from pg_class where relname = 'todos' and relacl is not null",
  ],
  [
    "statistics",
    "create statistics mine on title, done from todos",
    "select from pg_statistic_ext where stxrelid = 'todos'::regclass",
  ],
  [
    "a rule",
    "create rule mine as on delete to todos do also notify mine",
    "select from pg_rewrite where ev_class = 'todos'::regclass",
  ],
  [
    "a setting",
    "alter table todos set (fillfactor = 50)",
    "select from pg_class where relname = 'todos' and reloptions is not null",
  ],
];

test.each(OTHERS)(
  "%s of an application stays where it is, made before the rows came",
  async (_, make, look) => {
    await pg.exec(make);
    await stageTodos();
    await load();

    expect(await titles()).toEqual(["a", "b"]);
    expect((await read(pg, look)).length).toBeGreaterThan(0);
  },
);

test.each(OTHERS)(
  "%s of an application stays where it is, made while the rows came",
  async (_, make, look) => {
    await stageTodos();
    await pg.exec(make);
    await load();

    expect(await titles()).toEqual(["a", "b"]);
    expect((await read(pg, look)).length).toBeGreaterThan(0);
  },
);

test("a live query of PGlite sees the rows come", async () => {
  const seen: number[] = [];
  // Of the extension, which the type of a store's database does not know.
  const { live } = pg as unknown as { live: LiveNamespace };
  const query = await live.query("select count(*)::int as n from todos", [], ({ rows }) => {
    seen.push(rows[0]?.["n"] as number);
  });
  await stageTodos();
  await load();
  await expect.poll(() => seen.at(-1)).toBe(2);
  await query.unsubscribe();
});

test("rows that are there are replaced where they are", async () => {
  await pg.transaction(async (tx) => {
    await tx.query("select set_config('ampsync.applying', 'on', true)");
    await tx.exec("insert into todos (id, title) values (7, 'old')");
  });
  const there = await oid("public.todos");
  await stageTodos();
  await load();

  expect(await oid("public.todos")).toBe(there);
  expect(await titles()).toEqual(["a", "b"]);
});

test("a table that got a column while its rows came keeps it", async () => {
  await stageTodos();
  await pg.exec("alter table todos add column more text default 'm'");
  await load();

  expect(await titles()).toEqual(["a", "b"]);
  expect(await read(pg, "select more from todos")).toEqual([{ more: "m" }, { more: "m" }]);
});

interface LiveNamespace {
  query(
    sql: string,
    params: unknown[],
    callback: (result: { rows: Record<string, unknown>[] }) => void,
  ): Promise<{ unsubscribe(): Promise<void> }>;
}
