import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { applyFrame, RefusedOperation } from "../../../src/client/apply.ts";
import { AtMost } from "../../../src/client/at-most.ts";
import { type Database, read } from "../../../src/client/database.ts";
import { LiveQueries, type Rows } from "../../../src/client/live.ts";
import { CHUNKS_AT_ONCE, stage } from "../../../src/client/stage.ts";
import { openStore, type Store } from "../../../src/client/store.ts";
import { makeTable, Tables } from "../../../src/client/tables.ts";
import { Turns } from "../../../src/client/turns.ts";
import type { Frame, Snapshot, TableForm } from "../../../src/wire/from-gateway.ts";
import { frameOf } from "../../support/client/frames.ts";
import { READY_MADE } from "../../support/client/ready-made.ts";
import { blocks, copyOf, EPOCH, todos } from "../../support/client/tables.ts";

const none: ReadonlySet<string> = new Set();

let store: Store;
let pg: Database;
let tables: Tables;

beforeAll(async () => {
  store = await openStore("memory://", READY_MADE);
  pg = store.pg;
});

afterAll(async () => {
  await pg.close();
  store.release();
});

beforeEach(async () => {
  await pg.exec(`
    drop table if exists public.todos, eth.blocks;
    delete from ampsync.synced; delete from ampsync.dataset; delete from ampsync.shape; delete from ampsync.staged;
    update ampsync.state set position = 0, blocks = 0, epoch = null, phase = 'new'`);
  tables = new Tables();
  tables.announce([todos, blocks]);
  for (const form of [todos, blocks]) await pg.transaction((tx) => makeTable(tx, form));
  await tables.read(pg);
});

const apply = (frame: Frame, failed = none) => applyFrame(pg, tables, failed, EPOCH, frame);
const rowsOf = (sql: string) => read<Record<string, unknown>>(pg, sql);
const place = async () => (await rowsOf("select position::text, blocks::text, epoch from ampsync.state"))[0];
const allTodos = () => rowsOf("select id, title, weight::text, done from todos order by id");
const todo = (id: number, title: string, weight = "1") => ({ id: String(id), title, weight, done: "false" });
const upsert = (...rows: unknown[]) => ({ op: "upsert", table: "public.todos", rows: JSON.stringify(rows) });
const replace = (from: number, to: number | null, copy: string, trim: number | null = null) => ({
  op: "blocks",
  table: "eth.blocks",
  ranges: [[String(from), to === null ? null : String(to)]],
  copy,
  trim: trim === null ? null : String(trim),
});

describe("operations", () => {
  test("rows come in, change, lose columns of a change to others, and go", async () => {
    await apply(
      frameOf({
        to: "1",
        ops: [upsert(todo(1, "a"), todo(2, "b", "12345678901234567890.123456789"), todo(3, "c"))],
      }),
    );
    await apply(
      frameOf({
        from: "1",
        to: "2",
        ops: [
          { op: "delete", table: "public.todos", keys: '[["3"]]' },
          {
            op: "update",
            table: "public.todos",
            columns: ["id", "done"],
            rows: '[{"id":"1","done":"true"},{"id":"9","done":"true"}]',
          },
          upsert({ id: "2", title: null, weight: "18446744073709551615", done: "true" }),
        ],
      }),
    );

    expect(await allTodos()).toEqual([
      { id: 1, title: "a", weight: "1", done: true },
      { id: 2, title: null, weight: "18446744073709551615", done: true },
    ]);
    expect(await place()).toEqual({ position: "2", blocks: "0", epoch: EPOCH });
  });

  test("text comes as it was, whatever stands in it", async () => {
    const hard = "a'b\"c\\d\n\t\u0001é🙂$1{}\u2028";
    await apply(frameOf({ to: "1", ops: [upsert(todo(1, hard))] }));

    expect(await rowsOf("select title from todos")).toEqual([{ title: hard }]);
  });

  test("a truncate takes all rows", async () => {
    await apply(frameOf({ to: "1", ops: [upsert(todo(1, "a"), todo(2, "b"))] }));
    await apply(
      frameOf({ from: "1", to: "2", ops: [{ op: "truncate", table: "public.todos" }, upsert(todo(3, "c"))] }),
    );

    expect(await allTodos()).toMatchObject([{ id: 3 }]);
  });

  test("blocks replace their ranges, to the end of one or to that of all, and trim what is older", async () => {
    const heights = () => rowsOf("select _block_num::int as block, hash from eth.blocks order by _id");
    await apply(frameOf({ blocks: ["0", "1"], ops: [replace(1, 6, copyOf(1, 6, "a", 1))] }));
    await apply(frameOf({ blocks: ["1", "2"], ops: [replace(3, 4, copyOf(3, 4, "b", 1))] }));
    expect((await heights()).map(({ hash }) => hash)).toEqual(["a1", "a2", "b3", "b4", "a5", "a6"]);

    await apply(frameOf({ blocks: ["2", "3"], ops: [replace(4, null, copyOf(4, 5, "c", 1), 2)] }));
    expect((await heights()).map(({ hash }) => hash)).toEqual(["a2", "b3", "c4", "c5"]);
  });

  test("a load of one instance replaces the rows of its values, a drop takes them, one of all replaces the table", async () => {
    const load = (where: unknown, ...rows: unknown[]) => ({
      op: "load",
      table: "public.todos",
      rows: JSON.stringify(rows),
      where,
    });
    await apply(frameOf({ to: "1", ops: [upsert(todo(1, "x"), todo(2, "x"), todo(3, "y"))] }));
    await apply(
      frameOf({ from: "1", to: "2", ops: [load({ title: "x" }, todo(2, "x", "7"), todo(4, "x"))] }),
    );
    expect((await allTodos()).map(({ id, weight }) => [id, weight])).toEqual([
      [2, "7"],
      [3, "1"],
      [4, "1"],
    ]);

    await apply(
      frameOf({ from: "2", to: "3", ops: [{ op: "drop", table: "public.todos", where: { title: "y" } }] }),
    );
    expect((await allTodos()).map(({ id }) => id)).toEqual([2, 4]);

    await apply(frameOf({ from: "3", to: "4", ops: [load(null, todo(9, "z"))] }));
    expect((await allTodos()).map(({ id }) => id)).toEqual([9]);
  });

  test.each([
    ["of one instance", { title: "x" }, [3]],
    ["of a whole table", null, []],
  ])("a load %s from a snapshot without rows leaves none", async (_, where, left) => {
    await apply(frameOf({ to: "1", ops: [upsert(todo(1, "x"), todo(2, "x"), todo(3, "y"))] }));
    const snapshot: Snapshot = {
      ...{ t: "snapshot" as const, shape: "s", snapshot: "0190a0e0-0000-7000-8000-000000000001" },
      ...{ table: "public.todos", rows: "0", checksum: "0", chunks: [] },
    };
    const nothing = () => Promise.reject(new Error("there is no chunk"));
    const { signal } = new AbortController();
    const turn = <T>(step: () => Promise<T>) => step();
    await stage(
      {
        pg,
        tables,
        fetchChunk: nothing,
        hash: () => 0n,
        turn,
        stored: async () => {},
        chunks: new AtMost(1),
        signal,
        fetched: () => {},
      },
      snapshot,
    );
    const load = { op: "load", table: "public.todos", snapshots: [snapshot.snapshot], rows: null, where };
    await apply(frameOf({ from: "1", to: "2", ops: [load] }));
    expect((await allTodos()).map(({ id }) => id)).toEqual(left);
    expect(await rowsOf("select from pg_class where relnamespace = 'ampsync_stage'::regnamespace")).toEqual(
      [],
    );
  });

  test("snapshots that come together are fetched three chunks at a time, all of them", async () => {
    let now = 0;
    let most = 0;
    const fetchChunk = async (_: string, n: number) => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setImmediate(resolve));
      now -= 1;
      return new TextEncoder().encode(`${n}\tx\t\\N\tf\n`);
    };
    const snapshotOf = (end: number): Snapshot => ({
      ...{ t: "snapshot", shape: "s", snapshot: `0190a0e0-0000-7000-8000-00000000000${end}`, checksum: "0" },
      ...{ table: "public.todos", rows: "4" },
      chunks: [1, 2, 3, 4].map((n) => ({ n, rows: 1, bytes: 9, xxh64: "0000000000000000" })),
    });
    const kept = new Map<string, bigint>();
    const turns = new Turns();
    const turn = <T>(step: () => Promise<T>) => turns.take(step);
    const chunks = new AtMost(CHUNKS_AT_ONCE);
    const { signal } = new AbortController();
    const stageIt = (snapshot: Snapshot) => {
      const fetched = (rows: bigint) => void kept.set(snapshot.snapshot, rows);
      const stored = async () => {};
      return stage(
        { pg, tables, fetchChunk, hash: () => 0n, turn, stored, chunks, signal, fetched },
        snapshot,
      );
    };
    await Promise.all([2, 3, 4].map((end) => stageIt(snapshotOf(end))));

    expect(most).toBe(3);
    expect([...kept.values()]).toEqual([4n, 4n, 4n]);
  });

  test("a load takes another form of the table with it, in the same transaction", async () => {
    const wider: TableForm = {
      ...todos,
      ddl: ["create table if not exists public.todos (id bigint primary key, name varchar(20))"],
      definition: "todos-2",
      columns: ["id", "name"],
    };
    await apply(frameOf({ to: "1", ops: [upsert(todo(1, "a"))] }));
    tables.announce([wider]);
    await apply(frameOf({ from: "1", to: "2", ops: [upsert(todo(2, "b"))] }));
    await apply(
      frameOf({
        from: "2",
        to: "3",
        ops: [
          { op: "load", table: "public.todos", rows: '[{"id":"9007199254740993","name":"n"}]', where: null },
          upsert({ id: "4", name: "m" }),
        ],
      }),
    );

    expect(await rowsOf("select id::text, name from todos order by id")).toEqual([
      { id: "4", name: "m" },
      { id: "9007199254740993", name: "n" },
    ]);
    await expect(pg.query("delete from todos")).rejects.toMatchObject({ code: "SY431" });
  });

  test("the cut of a dataset is what the server said, and unknown while one of its tables is loading", async () => {
    const cut = async () => (await rowsOf("select ampsync.cut('eth')::text as cut"))[0]?.["cut"];
    await pg.exec(
      `insert into ampsync.shape (id, shape, params, table_name) values ('s1', 'b', '{}', 'eth.blocks')`,
    );
    const said = { op: "dataset", dataset: "eth", cut: "7", tables: { "eth.blocks": "8" } };
    await apply(frameOf({ to: "1", ops: [said] }));
    expect(await cut()).toBeNull();

    await apply(frameOf({ from: "1", to: "2", live: [{ id: "s1", definition: "d" }], ops: [] }));
    expect(await cut()).toBe("7");
    expect(await rowsOf("select phase, definition from ampsync.shape")).toEqual([
      { phase: "live", definition: "d" },
    ]);
  });
});

test("the frame that begins another life of the database may lead back, and none after it", async () => {
  const other = EPOCH.replaceAll(/[0-9]/g, "9");
  await apply(frameOf({ to: "9", blocks: ["0", "9"], ops: [upsert(todo(1, "a"))] }));
  const load = { op: "load", table: "public.todos", rows: JSON.stringify([todo(2, "b")]), where: null };
  const back = frameOf({ from: "9", to: "4", blocks: ["9", "3"], ops: [load] });
  expect(await applyFrame(pg, tables, none, other, back)).toMatchObject({ kind: "applied" });

  expect(await allTodos()).toMatchObject([{ id: 2 }]);
  expect(await place()).toEqual({ position: "4", blocks: "3", epoch: other });
  const again = frameOf({ from: "4", to: "3", blocks: ["3", "3"], ops: [] });
  expect(await applyFrame(pg, tables, none, other, again)).toMatchObject({ kind: "gap" });
});

describe("what does not fit", () => {
  test.each([
    ["the same frame again", { from: "0", to: "1" }],
    ["a frame too early", { from: "2", to: "3" }],
    ["blocks above those that are here", { from: "1", to: "2", blocks: ["5", "6"] as [string, string] }],
    ["blocks below those that are here", { from: "1", to: "2", blocks: ["0", "2"] as [string, string] }],
  ])("%s changes nothing", async (_, frame) => {
    await apply(frameOf({ to: "1", blocks: ["0", "3"], ops: [upsert(todo(1, "a"))] }));

    const applied = await apply(
      frameOf({ ...frame, ops: [upsert(todo(1, "wrong")), upsert(todo(2, "wrong"))] }),
    );

    expect(applied).toEqual({ kind: "gap" });
    expect(await allTodos()).toMatchObject([{ id: 1, title: "a" }]);
    expect(await place()).toMatchObject({ position: "1", blocks: "3" });
  });

  test("an operation that is refused leaves rows, position and forms as they were, and says which table it was", async () => {
    await apply(frameOf({ to: "1", ops: [upsert(todo(1, "a"))] }));
    const frame = frameOf({
      from: "1",
      to: "2",
      blocks: ["0", "1"],
      ops: [replace(1, 2, copyOf(1, 2, "a")), upsert({ ...todo(2, "b"), weight: "no number" })],
    });

    await expect(apply(frame)).rejects.toThrow(RefusedOperation);
    await expect(apply(frame)).rejects.toMatchObject({ table: "public.todos" });
    await expect(apply(frame)).rejects.not.toThrow("no number");
    expect(await place()).toMatchObject({ position: "1", blocks: "0" });
    expect(await rowsOf("select count(*)::int as n from eth.blocks")).toEqual([{ n: 0 }]);

    expect(await apply(frame, new Set(["public.todos"]))).toMatchObject({ kind: "applied" });
    expect(await rowsOf("select count(*)::int as n from eth.blocks")).toEqual([{ n: 4 }]);
  });

  test("a store without space is no fault of the table whose rows found none", async () => {
    await pg.exec(`
      create function no_space() returns trigger language plpgsql as
        $$ begin raise exception 'could not extend file' using errcode = '53100'; end $$;
      create trigger no_space before insert on todos for each row execute function no_space()`);
    const applying = apply(frameOf({ to: "1", ops: [upsert(todo(1, "a"))] }));

    await expect(applying).rejects.toMatchObject({ code: "53100" });
    await expect(applying).rejects.not.toBeInstanceOf(RefusedOperation);
    await pg.exec("drop function no_space cascade");
    expect(await place()).toMatchObject({ position: "0" });
  });

  test("what an application writes into a table of the server is refused, and a frame is not", async () => {
    const writes = [
      "insert into todos (id) values (5)",
      "update todos set done = true",
      "delete from eth.blocks",
      "truncate todos",
    ];
    for (const sql of writes) await expect(pg.query(sql), sql).rejects.toMatchObject({ code: "SY431" });
    await apply(frameOf({ to: "1", ops: [upsert(todo(1, "a"))] }));

    expect(await allTodos()).toHaveLength(1);
    await expect(pg.query("delete from todos")).rejects.toMatchObject({ code: "SY431" });
  });
});

describe("live queries", () => {
  test("they see one state a frame: no hole in the chain and no two hashes of one height", async () => {
    const turns = new Turns();
    const live = new LiveQueries(pg, turns, (error) => expect.unreachable(String(error)));
    const seen: string[] = [];
    const stop = await live.add(
      "select _block_num::int as block, hash from eth.blocks order by _id",
      [],
      (rows: Rows) => {
        const hashes = new Map<unknown, Set<unknown>>();
        for (const { block, hash } of rows) hashes.set(block, (hashes.get(block) ?? new Set()).add(hash));
        expect([...hashes.values()].every((of) => of.size === 1)).toBe(true);
        expect([...hashes.keys()]).toEqual(Array.from(hashes, (_, index) => index + 1));
        expect(rows.length).toBe(hashes.size * 2);
        seen.push(`${hashes.size} ${[...(hashes.get(hashes.size) ?? ["none"])].join()}`);
      },
    );
    const take = (frame: Frame) =>
      turns.take(async () => {
        const applied = await apply(frame);
        if (applied.kind === "applied") await live.changed(applied.tables);
      });

    await take(frameOf({ blocks: ["0", "1"], ops: [replace(1, 10, copyOf(1, 10, "a"))] }));
    await take(frameOf({ blocks: ["1", "2"], ops: [replace(6, null, copyOf(6, 12, "b"))] }));
    await take(frameOf({ blocks: ["2", "3"], ops: [replace(2, null, copyOf(2, 9, "c"))] }));
    await take(frameOf({ to: "1", blocks: ["3", "3"], ops: [upsert(todo(1, "not for it"))] }));
    stop();
    await take(frameOf({ from: "1", to: "2", blocks: ["3", "4"], ops: [replace(1, null, "")] }));

    expect(seen).toEqual(["0 none", "10 a10", "12 b12", "9 c9"]);
  });

  test("they follow a truncate, another form of their table, views, and functions that read who knows what", async () => {
    await pg.exec(`
      create or replace view open_todos as select * from todos where not done;
      create or replace function count_todos() returns bigint language plpgsql stable as
        $$ begin return (select count(*) from public.todos); end $$`);
    const turns = new Turns();
    const live = new LiveQueries(pg, turns, (error) => expect.unreachable(String(error)));
    const seen: unknown[][] = [[], []];
    const take = async (frame: Frame) => {
      const applied = await apply(frame);
      if (applied.kind === "applied") await live.changed(applied.tables);
    };
    await live.add("select count(*)::int as n from open_todos where id > $1", [0], ([row]) =>
      seen[0]?.push(row?.["n"]),
    );
    await live.add("select count_todos()::int as n", [], ([row]) => seen[1]?.push(row?.["n"]));
    await take(frameOf({ to: "1", ops: [upsert(todo(1, "a"), todo(2, "b"))] }));
    await take(frameOf({ from: "1", to: "2", ops: [{ op: "truncate", table: "public.todos" }] }));
    await pg.exec("drop view open_todos; drop function count_todos");

    expect(seen).toEqual([
      [0, 2, 0],
      [0, 2, 0],
    ]);
  });

  test("a query with a mistake is its caller's error", async () => {
    const live = new LiveQueries(pg, new Turns(), () => expect.unreachable());

    await expect(live.add("select nothing from todos", [], () => {})).rejects.toThrow("nothing");
    await expect(live.add("select $1::int", [], () => {})).rejects.toThrow("1 parameters");
  });
});
