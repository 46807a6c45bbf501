import { beforeEach, describe, expect, test } from "vitest";

import { clientTable, publishLive } from "../../support/postgres/live-table.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { SqlStream } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

beforeEach(async () => {
  await db.query(
    `create type public.mood as enum ('sad', 'ok');
     create domain public.short as text check (length(value) < 9);
     create table public.todos (
       id uuid primary key, owner_id text not null, team int, feeling public.mood, nick public.short,
       price numeric, ratio float8, title text, archived boolean not null default false,
       loud text generated always as (upper(title)) stored);
     create index on public.todos (owner_id);
     create index on public.todos (team, owner_id)`,
  );
  await publishLive(db, "public.todos");
});

/** As arguments stand in a call. */
const create = (rest: string, name = "mine", table = "public.todos") =>
  db.query(`select ampsync.create_shape('${name}', '${table}', ${rest})`);

const OWNER = `bind => '{"owner_id": "claim:sub"}'`;

interface Shape {
  readonly [column: string]: unknown;
  readonly shape_id: number;
  readonly definition: string;
  readonly since: Date;
  readonly low: string | null;
}

async function find(name: string): Promise<Shape | undefined> {
  const { rows } = await db.query<Shape>("select * from ampsync_private.shape s where s.name = $1", [name]);
  return rows[0];
}

const shape = async (name = "mine"): Promise<Shape> => (await find(name))!;

async function definitions(): Promise<string> {
  return (await db.query("select ampsync_private.definitions_stamp() as stamp")).rows[0]!["stamp"];
}

describe("create_shape", () => {
  test("keeps the filter as PostgreSQL understood it, and what it looks at", async () => {
    await create(`${OWNER}, filter => 'not archived and title like ''%50%%'''`);
    expect(await shape()).toMatchObject({
      filter: "((NOT archived) AND (title ~~ '%50%%'::text))",
      filter_columns: ["archived", "title"],
      bind: { owner_id: "claim:sub" },
      state: "live",
      low: null,
    });
  });

  test("called again with the same changes nothing, with other values its definition", async () => {
    await create(OWNER);
    const { definition, since } = await shape();
    const stamp = await definitions();
    await create(OWNER);
    expect(await shape()).toMatchObject({ definition, since });
    expect(await definitions()).toBe(stamp);
    await create(`${OWNER}, filter => 'not archived'`);
    expect((await shape()).definition).not.toBe(definition);
    expect(await definitions()).not.toBe(stamp);
    await create(OWNER);
    expect((await shape()).definition).toBe(definition);
  });

  test("says that it has replaced a shape, and nothing where it has not", async () => {
    const client = await db.client();
    const notices: (string | undefined)[] = [];
    client.on("notice", ({ message }) => notices.push(message));
    await client.query("begin; create table public.notes (id int primary key)");
    await publishLive(client, "public.notes");
    const make = (rest: string) =>
      client.query(`select ampsync.create_shape('notes', 'public.notes', public => true ${rest})`);
    await make("");
    await make("");
    expect(notices).toEqual([]);
    await make(", filter => 'id > 0'");
    await client.query("rollback");
    expect(notices).toEqual([expect.stringContaining("'notes' was there and has another definition")]);
  });

  test("is told to gateways, as is its end", async () => {
    const stamps = [await definitions()];
    await create(OWNER);
    stamps.push(await definitions());
    await db.query("select ampsync.drop_shape('mine')");
    stamps.push(await definitions());
    expect(new Set(stamps).size).toBe(3);
    expect(await find("mine")).toBeUndefined();
  });

  test.each([
    [
      "of a table that is not published",
      "public => true",
      "SY401",
      "other",
      /ampsync\.publish\('public.other'\)/,
    ],
    ["without a claim that is not public", "public => false", "SY413", "public.todos", /public => true/],
    [
      "that has a parameter alone",
      `bind => '{"owner_id": "param:o"}'`,
      "SY413",
      "public.todos",
      /public => true/,
    ],
    [
      "that binds what is not there",
      `bind => '{"nobody": "claim:sub"}'`,
      "SY413",
      "public.todos",
      /another column/,
    ],
    [
      "that binds a generated column",
      `bind => '{"loud": "claim:sub"}'`,
      "SY413",
      "public.todos",
      /another column/,
    ],
    ["that binds a numeric", `bind => '{"price": "claim:sub"}'`, "SY413", "public.todos", /another column/],
    ["that binds a float8", `bind => '{"ratio": "claim:sub"}'`, "SY413", "public.todos", /another column/],
    [
      "that binds to neither claim nor parameter",
      `bind => '{"owner_id": "sub"}'`,
      "SY413",
      "public.todos",
      /claim:sub/,
    ],
    ["that binds to a number", `bind => '{"owner_id": 1}'`, "SY413", "public.todos", /claim:sub/],
    ["whose bind is no object", `bind => '["owner_id"]'`, "SY413", "public.todos", /bind =>/],
    [
      "with parameters that is unindexed",
      `bind => '{"title": "param:t"}', public => true, unindexed => true`,
      "SY413",
      "public.todos",
      /index/,
    ],
    [
      "of more than there is an index for",
      `bind => '{"title": "claim:sub"}'`,
      "SY413",
      "public.todos",
      /create index concurrently on public\.todos \(title\)/,
    ],
    ["of rows that keeps blocks", `${OWNER}, keep_blocks => 10`, "SY413", "public.todos", /keep_blocks/],
    ["without its key", `${OWNER}, columns => '{owner_id}'`, "SY413", "public.todos", /columns of/],
    ["without its bound column", `${OWNER}, columns => '{id}'`, "SY413", "public.todos", /columns of/],
    [
      "with a column that is not there",
      `${OWNER}, columns => '{id,owner_id,nobody}'`,
      "SY413",
      "public.todos",
      /columns of/,
    ],
    [
      "with a generated column alone",
      `${OWNER}, columns => '{id,owner_id,loud}'`,
      "SY413",
      "public.todos",
      /columns of/,
    ],
    ["with an unknown rls", `${OWNER}, rls => 'maybe'`, "SY413", "public.todos", /rls/],
  ])("refuses a shape %s", async (_, rest, code, table, hint) => {
    await db.query("create table other (id int primary key)");
    expect(await refusal(db, () => create(rest, "mine", table))).toMatchObject({
      code,
      hint: expect.stringMatching(hint),
      detail: expect.stringMatching(/./),
    });
  });

  test.each([
    ["a subquery", "id in (select id from todos)"],
    ["what is not immutable", "title = now()::text"],
    ["an unknown column", "nobody"],
    ["no condition", "title"],
    ["a semicolon", "true) ; drop table public.todos; --"],
    ["the row as a whole", "todos is not null"],
    ["a generated column", "loud = 'A'"],
    ["a column of the system", "tableoid > 0"],
    ["more than a condition", "true) union select (true"],
  ])("refuses a filter that is or has %s, and leaves nothing behind", async (_, filter) => {
    expect(
      await refusal(db, () =>
        db.query("select ampsync.create_shape('mine', 'public.todos', public => true, filter => $1)", [
          filter,
        ]),
      ),
    ).toMatchObject({ code: "SY413", hint: expect.stringMatching(/./) });
    const { rows } = await db.query(
      "select from pg_class c where c.relpersistence = 't' and c.relkind in ('r', 'v')",
    );
    expect(rows).toHaveLength(0);
  });

  test("refuses a filter that would run code of a role without our rights", async () => {
    await db.query(
      `create function public.always() returns boolean immutable language sql as 'select true';
       create role ampsync_test_stranger;
       alter function public.always() owner to ampsync_test_stranger`,
    );
    expect(await refusal(db, () => create(`${OWNER}, filter => 'public.always()'`))).toMatchObject({
      code: "SY413",
      message: expect.stringMatching(/always/),
    });
  });

  describe("whose filter meets types of a role without our rights", () => {
    beforeEach(async () => {
      await db.query(
        `create role ampsync_test_stranger;
         create sequence public.ran;
         create schema theirs authorization ampsync_test_stranger;
         create function theirs.spy(v text) returns boolean immutable language plpgsql as
           'begin perform nextval(''public.ran''); return true; end';
         create domain theirs.watched as text check (theirs.spy(value));
         create type theirs.mood as enum ('sad', 'ok');
         create type theirs.span as range (subtype = theirs.watched);
         create type theirs.pair as (a theirs.watched, b integer);
         create function public.pairs() returns theirs.watched[] immutable language sql as 'select null::theirs.watched[]';
         create table public.notes (
           id int primary key, word theirs.watched, words theirs.watched[], feeling theirs.mood, note text)`,
      );
      for (const what of [
        "function theirs.spy",
        "domain theirs.watched",
        "type theirs.mood",
        "type theirs.span",
      ])
        await db.query(`alter ${what} owner to ampsync_test_stranger`);
      await db.query("alter type theirs.pair owner to ampsync_test_stranger");
      await publishLive(db, "public.notes");
    });

    const ran = async () => (await db.query("select is_called from public.ran")).rows[0]!["is_called"];
    const filtered = (filter: string) =>
      db.query("select ampsync.create_shape('mine', 'public.notes', public => true, filter => $1)", [filter]);

    test.each([
      "words = '{a}'",
      "note = any ('{a}'::theirs.watched[])",
      "'{a}'::theirs.watched[] is not null",
      "words is distinct from '{a}'",
      "public.pairs() is distinct from '{a}'",
      "words || '{a}' is null",
      "(theirs._watched '{a}') is not null",
      "theirs._watched('{a}') is not null",
      "cast(E'{\\x61}' as theirs.watched[]) is not null",
      "'[a,b]'::theirs.span is not null",
      "'{[a,b]}'::theirs.span_multirange is not null",
      "'(a,1)'::theirs.pair is not null",
      "note in (select word from notes where words = '{a}')",
      "array['a']::theirs.watched[] is not null",
      "note::theirs.watched is not null",
      "note = $$a$$::theirs.watched",
      "U&'{a}'::theirs.watched[] is not null",
      "theirs.spy(note)",
      "true -- a comment\n and '{a}'::theirs.watched[] is not null",
      "note = /* ' */ '{a}'::theirs.watched[]::text -- '",
    ])("runs none of their code: %s", async (filter) => {
      expect(await refusal(db, () => filtered(filter))).toMatchObject({ code: "SY413" });
      expect(await ran()).toBe(false);
    });

    test.each([
      ["word = 'a'", "((word)::text = 'a'::text)"],
      [
        "note = 'it''s' and note <> E'\\\\' -- a comment",
        "((note = 'it''s'::text) AND (note <> '\\'::text))",
      ],
      ["id > 1e2 and note::date > date '2026-01-01'", null],
      ["id > 1.5e1 and \"note\" like '50%'", /LIKE|~~/],
    ])("takes what runs none of it: %s", async (filter, stored) => {
      if (stored === null) {
        expect(await refusal(db, () => filtered(filter))).toMatchObject({
          code: "SY413",
          message: expect.stringContaining("IMMUTABLE"),
        });
      } else {
        await filtered(filter);
        const text = (await shape())["filter"];
        if (typeof stored === "string") expect(text).toBe(stored);
        else expect(text).toMatch(stored);
      }
      expect(await ran()).toBe(false);
    });

    test.each(["feeling = 'ok'", "feeling in ('ok')", "feeling > 'sad' or note = 'it''s'"])(
      "is not read by names that they could give to something else: %s",
      async (filter) => {
        await db.query("insert into notes values (1, 'a', null, 'ok', 'n'), (2, null, null, null, 'm')");
        const before = await ran();
        await filtered(filter);
        const { filter: stored, definition } = await shape();
        expect(stored).not.toMatch(/'::theirs/);
        await filtered(stored as string);
        expect(await shape()).toMatchObject({ filter: stored, definition });
        await db.query(
          `alter type theirs.mood rename to mood_of_before;
           create domain theirs.mood as text check (theirs.spy(value))`,
        );
        const { rows } = await db.query(
          `select id from ampsync_worker.shape_rows((select shape_id from ampsync_private.shape), null)
             as r(key text, id int, word text, words text[], feeling text, note text)`,
        );
        expect(rows).toEqual([{ id: 1 }]);
        expect(await ran()).toBe(before);
      },
    );

    test("is refused where it calls what stands in a schema in which they may create", async () => {
      await db.query(
        "create schema shared; create function shared.same(text) returns text immutable language sql as 'select $1'",
      );
      await filtered("shared.same(note) = 'a'");
      await db.query("grant create on schema shared to ampsync_test_stranger");
      expect(await refusal(db, () => filtered("shared.same(note) = 'b'"))).toMatchObject({ code: "SY413" });
    });
  });

  test.each(["owner_id", "feeling", "nick"])("binds %s where it has an index", async (column) => {
    await db.query(`create index on public.todos (${column})`);
    await create(`bind => '{"${column}": "claim:x"}'`);
    expect(await clientTable(db, "mine")).toMatchObject({ bound: [column], state: "live" });
  });

  test("takes an index that begins with its bound columns in any order, or whose predicate is its filter", async () => {
    await create(`bind => '{"owner_id": "claim:sub", "team": "claim:teams[]"}'`);
    await db.query("create index on public.todos (title) where not archived");
    await create(`bind => '{"title": "claim:sub"}', filter => 'not archived'`, "partial");
    expect(await clientTable(db, "mine")).toMatchObject({ bound: ["owner_id", "team"] });
    await create(`bind => '{"title": "claim:sub"}', unindexed => true`, "slow");
    expect(await shape("slow")).toMatchObject({ unindexed: true });
  });

  test("of a table with row level security is public only if it ignores that", async () => {
    await db.query("alter table public.todos enable row level security");
    expect(await refusal(db, () => create("public => true"))).toMatchObject({
      code: "SY413",
      hint: expect.stringContaining("rls => 'ignore'"),
    });
    await create("public => true, rls => 'ignore'");
    await create(OWNER, "own");
  });

  test("looks at no more than the key where old rows are their key alone, and publish looks at shapes", async () => {
    await db.query(
      "create table keyed (a int, b int, v text, primary key (a, b)); create index on keyed (v)",
    );
    await publishLive(db, "keyed", "key");
    await create(`bind => '{"a": "claim:a"}', filter => 'b > 0'`, "by_key", "keyed");
    for (const rest of [`bind => '{"v": "claim:v"}'`, `bind => '{"a": "claim:a"}', filter => 'v = ''x'''`]) {
      expect(await refusal(db, () => create(rest, "mine", "keyed"))).toMatchObject({
        code: "SY413",
        hint: "select ampsync.publish('public.keyed', identity => 'full');",
      });
    }
    await create(OWNER);
    expect(await refusal(db, "select ampsync_private.check_identity('public.todos', 'key')")).toMatchObject({
      code: "SY402",
      hint: "select ampsync.drop_shape('mine');",
    });
  });
});

describe("a shape of a dataset", () => {
  async function blocks(): Promise<SqlStream> {
    const stream = await SqlStream.prepare(db);
    await db.query("select ampsync.publish_dataset('chain')");
    await db.query("select ampsync_worker.activate_targets()");
    return stream;
  }

  const low = async () => (await shape("recent")).low;
  const raise = async () => (await db.query("select ampsync_worker.raise_low() as n")).rows[0]!["n"];

  test("needs no index where it keeps a window", async () => {
    await blocks();
    expect(
      await refusal(db, () =>
        create(`bind => '{"note": "param:n"}', public => true`, "recent", "chain.blocks"),
      ),
    ).toMatchObject({
      code: "SY413",
      hint: expect.stringContaining("create index concurrently on chain.blocks (note)"),
    });
    await create(
      `bind => '{"note": "param:n"}', public => true, keep_blocks => 10`,
      "recent",
      "chain.blocks",
    );
  });

  test("has a window that follows the newest block in lumps, and never goes back for a reorg", async () => {
    const stream = await blocks();
    await create("public => true, keep_blocks => 100", "recent", "chain.blocks");
    await stream.apply(0, 99);
    expect([await raise(), await low()]).toEqual([0, null]);
    await stream.apply(100, 200);
    expect([await raise(), await low()]).toEqual([1, "100"]);
    await stream.apply(201, 202);
    expect([await raise(), await low()]).toEqual([0, "100"]);
    await stream.apply(203, 203);
    expect([await raise(), await low()]).toEqual([1, "103"]);
    const { definition } = await shape("recent");
    await stream.replace(190, 191, { fork: "b" });
    expect([await raise(), await low(), (await shape("recent")).definition]).toEqual([0, "103", definition]);
  });

  test("has another definition once its chain begins anew below its window", async () => {
    const stream = await blocks();
    await stream.apply(0, 500);
    await create("public => true, keep_blocks => 100", "recent", "chain.blocks");
    const { definition } = await shape("recent");
    const stamp = await definitions();
    expect(await low()).toBe("400");
    await stream.replace(300, 300, { fork: "b" });
    expect([await raise(), await low()]).toEqual([1, "200"]);
    expect((await shape("recent")).definition).not.toBe(definition);
    expect(await definitions()).not.toBe(stamp);
  });
});

describe("a shape fails", () => {
  test("when its publication ends, and joins the next one", async () => {
    await create(OWNER);
    const { definition } = await shape();
    await db.query("select ampsync_private.end_captured('public.todos')");
    expect(await clientTable(db, "mine")).toMatchObject({ state: "failed", error: { code: "SY401" } });
    await db.query("select ampsync_private.tend_shapes()");
    expect(await shape()).toMatchObject({ state: "failed", error: { code: "SY401" } });
    expect(await refusal(db, "select ampsync.retry_shape('mine')")).toMatchObject({ code: "SY401" });
    await publishLive(db, "public.todos");
    await db.query("select ampsync.retry_shape('mine')");
    expect(await clientTable(db, "mine")).toMatchObject({ state: "live", error: null });
    expect((await shape()).definition).not.toBe(definition);
  });

  test.each([
    ["renamed", "alter table public.todos rename owner_id to owned_by"],
    ["retyped", "alter table public.todos alter owner_id type varchar(80)"],
    ["dropped", "alter table public.todos drop owner_id"],
  ])("once the log tells that a column it binds was %s, until it is made again", async (_, alter) => {
    await create(`${OWNER}, filter => 'not archived'`);
    await db.query(alter);
    expect(await clientTable(db, "mine")).toMatchObject({ state: "live" });
    await db.query(
      `update ampsync_private.published p set columns = ampsync_private.published_columns(p.relation)
        where p.relation = 'public.todos'::regclass`,
    );
    expect(await clientTable(db, "mine")).toMatchObject({
      state: "failed",
      error: { code: "SY413", message: expect.stringContaining("owner_id") },
    });
    await db.query("select ampsync_private.tend_shapes()");
    expect(
      await refusal(
        db,
        "select * from ampsync_worker.shape_rows((select shape_id from ampsync_private.shape), null) as r(key text)",
      ),
    ).toMatchObject({ code: "SY413" });
    await create("public => true");
    expect(await clientTable(db, "mine")).toMatchObject({ state: "live", error: null });
  });

  test.each(
    [
      ["feeling", "text using feeling::text"],
      ["price", "float8"],
    ].flatMap(([column, type]) => [
      [column!, "renamed", `rename ${column} to other`],
      [column!, "retyped", `alter ${column} type ${type}`],
      [column!, "dropped", `drop ${column}`],
    ]),
  )("once the log tells that %s, of its filter or its columns, was %s", async (column, _, alter) => {
    await create(`${OWNER}, filter => 'feeling is not null', columns => '{id,owner_id,price}'`);
    await db.query(`alter table public.todos ${alter}`);
    await db.query(
      `update ampsync_private.published p set columns = ampsync_private.published_columns(p.relation)
        where p.relation = 'public.todos'::regclass`,
    );
    await db.query("select ampsync_private.tend_shapes()");
    expect(await shape()).toMatchObject({
      state: "failed",
      error: {
        code: "SY413",
        message: expect.stringContaining(column),
        hint: expect.stringContaining("mine"),
      },
    });
  });

  test("where a column that it names was renamed, and another one came by its name", async () => {
    await create(`${OWNER}, filter => 'not archived'`);
    await db.query("alter table public.todos rename archived to closed");
    await db.query("alter table public.todos add column archived boolean not null default false");
    await db.query(
      `update ampsync_private.published p set columns = ampsync_private.published_columns(p.relation)
        where p.relation = 'public.todos'::regclass`,
    );
    await db.query("select ampsync_private.tend_shapes()");
    expect(await shape()).toMatchObject({ state: "failed", error: { code: "SY413" } });
  });

  test("not where a restored dump gave its types other numbers", async () => {
    await create(
      `bind => '{"feeling": "claim:sub", "nick": "claim:sub"}', filter => 'feeling > ''sad''', unindexed => true`,
    );
    const { shape_id, definition } = await shape();
    await db.query(
      `update ampsync_private.shape s
          set uses = (select jsonb_object_agg(u.name, u.was || '{"type": "4294967294"}') from jsonb_each(s.uses) u(name, was))`,
    );
    expect(await clientTable(db, "mine")).toMatchObject({ state: "failed", error: { code: "SY413" } });
    await db.query(
      `insert into ampsync_private.log_epoch
         (epoch, started_at, system_identifier, timeline, database_oid, server_started_at, forked_at, reason)
       values (gen_random_uuid(), now(), 1, 1, 1, now(), ampsync.head(), 'this is another database')`,
    );
    const stamp = await definitions();
    await db.query("select ampsync_private.tend_shapes()");
    expect(await clientTable(db, "mine")).toMatchObject({ state: "live", definition });
    expect(await definitions()).not.toBe(stamp);
    const { rows } = await db.query(
      `select ampsync_private.instance_keys($1, '{"sub": "ok"}', '{}') as keys`,
      [shape_id],
    );
    expect(rows[0]).toEqual({ keys: ['["ok", "ok"]'] });
    await db.query("select * from ampsync_worker.read_shapes(array[$1::integer], 0, ampsync.head())", [
      shape_id,
    ]);
    expect(await shape()).toMatchObject({ state: "live", error: null });
  });

  test("on a row of its filter only as it is defined at that time, and its clients load it anew afterwards", async () => {
    await create(`${OWNER}, filter => '1 / team > 0'`);
    const { shape_id, definition } = await shape();
    const fail = async (of: string) =>
      (
        await db.query("select ampsync_worker.fail_shape($1, $2, '[\"k\"]', '22012') as failed", [
          shape_id,
          of,
        ])
      ).rows[0]!["failed"];
    expect(await fail("another")).toBe(false);
    expect(await fail(definition)).toBe(true);
    expect(await fail(definition)).toBe(false);
    expect(await clientTable(db, "mine")).toMatchObject({
      state: "failed",
      error: {
        code: "SY414",
        detail: 'Key ["k"], SQLSTATE 22012.',
        hint: expect.stringContaining("retry_shape('mine')"),
      },
    });
    await db.query("select ampsync.retry_shape('mine')");
    expect(await shape()).toMatchObject({ state: "live", error: null });
    expect((await shape()).definition).not.toBe(definition);
  });
});
