import { beforeEach, describe, expect, test } from "vitest";

import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import {
  capturedTable,
  captureRow,
  events,
  loggedEntries,
  loggedRows,
  row,
  SqlCapture,
} from "../../support/postgres/sql-capture.ts";

const db = rolledBackDatabase();

let todos: string;
let lists: string;
let pass: SqlCapture;
beforeEach(async () => {
  todos = await capturedTable(db, "todos");
  lists = await capturedTable(db, "lists");
  pass = await SqlCapture.take(db);
});

/** A row whose text PostgreSQL refuses as jsonb. */
const unstorable = (table: string, id: string) => row(table, id, { data: { id, title: "a\0b" } });

describe("rows that cannot be kept", () => {
  test("cost their table a floor behind the transaction, which is stored without that table", async () => {
    await pass.commit([
      {
        lsn: 0x100,
        changes: [row(todos, "a"), row(lists, "b"), row(todos, "c")],
        marks: [{ kind: "row_too_large", relation: todos, key: '["big"]', bytes: 70_000_000 }],
      },
      { lsn: 0x200, changes: [row(todos, "d")] },
    ]);
    expect(await loggedRows(db)).toEqual(['0/100 insert ["b"]', '0/200 insert ["d"]']);
    expect(await loggedEntries(db)).toEqual([
      "rows 0/100 1",
      "floor 0/100 0 a row is too large",
      "rows 0/200 1",
    ]);
    expect(await events(db, "row_too_large")).toEqual([
      { table: "public.todos", key: '["big"]', bytes: 70_000_000 },
    ]);
    const { rows } = await db.query(
      "select table_name, floor > 0 as raised, rebuildable_from = floor as rebuilt from ampsync_private.published order by 1",
    );
    expect(rows).toMatchObject([
      { table_name: "lists", raised: false },
      { table_name: "todos", raised: true, rebuilt: true },
    ]);
  });

  test("leave no entry where nothing else is in the transaction", async () => {
    await pass.commit([
      { lsn: 0x100, changes: [row(todos, "a")], marks: [{ kind: "moved_unchanged", relation: todos }] },
    ]);
    expect((await loggedEntries(db)).map((entry) => entry.slice(0, 13))).toEqual(["floor 0/100 0"]);
  });

  test("are those that PostgreSQL refuses: found one by one, the rest goes on", async () => {
    await pass.commit([
      { lsn: 0x100, changes: [row(lists, "a"), row(todos, "b")] },
      { lsn: 0x200, changes: [row(lists, "c"), unstorable(todos, "d"), row(todos, "e"), row(lists, "f")] },
      { lsn: 0x300, changes: [row(todos, "g")] },
    ]);
    expect(await loggedRows(db)).toEqual([
      '0/100 insert ["a"]',
      '0/100 insert ["b"]',
      '0/200 insert ["c"]',
      '0/200 insert ["f"]',
      '0/300 insert ["g"]',
    ]);
    expect(await loggedEntries(db)).toEqual([
      "rows 0/100 2",
      "rows 0/200 2",
      "floor 0/200 0 a row is too large",
      "rows 0/300 1",
    ]);
    expect(await events(db, "row_too_large")).toEqual([
      { table: "public.todos", key: '["d"]', code: "22P05" },
    ]);
  });

  test("are remembered where they are part of a large transaction", async () => {
    expect(await pass.storeChanges([row(lists, "a"), unstorable(todos, "b"), row(todos, "c")])).toBe(2);
    await pass.storeChanges([row(todos, "d"), row(lists, "e")], 3);
    await pass.commit([{ lsn: 0x100, ahead: 5, changes: [row(todos, "f")] }]);
    expect(await loggedRows(db)).toEqual(['0/100 insert ["a"]', '0/100 insert ["e"]']);
    expect(await loggedEntries(db)).toEqual(["rows 0/100 2", "floor 0/100 0 a row is too large"]);
  });

  test("are those without a key, of which nobody could tell which row they are about", async () => {
    await pass.commit([
      { lsn: 0x100, changes: [row(lists, "a"), row(todos, "b", { key: null }), row(todos, "c")] },
      { lsn: 0x200, changes: [row(todos, "d"), row(todos, "e", { operation: "truncate", key: null })] },
    ]);
    expect(await loggedRows(db)).toEqual(['0/100 insert ["a"]', '0/200 insert ["d"]', "0/200 truncate "]);
    expect((await loggedEntries(db)).slice(0, 3)).toEqual([
      "rows 0/100 1",
      "floor 0/100 0 a row has no key",
      "rows 0/200 2",
    ]);
    expect(await events(db, "row_too_large")).toEqual([]);
  });

  test("and have no key are found beside others that are refused, in a large transaction too", async () => {
    const keyless = row(todos, "b", { key: null, operation: "delete", data: null });
    expect(await pass.storeChanges([row(lists, "a"), keyless, unstorable(todos, "c")])).toBe(1);
    await pass.commit([{ lsn: 0x100, ahead: 3 }]);
    expect(await loggedRows(db)).toEqual(['0/100 insert ["a"]']);
    expect(await loggedEntries(db)).toEqual(["rows 0/100 1", "floor 0/100 0 a row has no key"]);
  });

  test("that are no line of ours stop capture: nothing is guessed", async () => {
    const broken = db.query("select ampsync_worker.store_changes($1, 'nonsense')", [pass.generation]);
    await expect(broken).rejects.toMatchObject({ code: "SY404" });
  });
});

test("old rows that were not whole are kept as they came, and cost a floor", async () => {
  await pass.commit([
    {
      lsn: 0x100,
      changes: [row(todos, "a", { operation: "delete", data: null, old: { id: "a" } })],
      marks: [{ kind: "identity", relation: todos }],
    },
  ]);
  expect(await loggedEntries(db)).toEqual(["rows 0/100 1", "floor 0/100 0 old rows were not whole"]);
});

describe("a table that nobody published", () => {
  test("and that somebody put into the publication is told, and its rows are not stored", async () => {
    await db.query("create table public.strange (id text primary key)");
    await db.query("create publication ampsync for table public.strange");
    const { rows } = await db.query("select 'public.strange'::regclass::oid::text as oid");
    const mark = { kind: "unknown", relation: rows[0]!["oid"], schema: "public", table: "strange" };
    await pass.commit([{ lsn: 0x100, changes: [row(rows[0]!["oid"], "x"), row(todos, "a")], marks: [mark] }]);
    expect(await loggedRows(db)).toEqual(['0/100 insert ["a"]']);
    expect(await events(db, "table_unknown")).toEqual([{ table: "public.strange" }]);
  });

  test("any more is no news", async () => {
    const mark = { kind: "unknown", relation: "999999", schema: "public", table: "dropped" };
    await pass.commit([{ lsn: 0x100, marks: [mark] }]);
    expect(await events(db, "table_unknown")).toEqual([]);
  });

  test("and that is ampsync's own stops capture: the log does not capture itself", async () => {
    const mark = { kind: "unknown", relation: "1", schema: "ampsync_private", table: "change_tx" };
    const own = () => pass.commit([{ lsn: 0x100, changes: [row(todos, "a")], marks: [mark] }]);
    expect(await refusal(db, own)).toMatchObject({
      code: "SY404",
      hint: "alter publication ampsync drop table ampsync_private.change_tx; select ampsync.skip_transaction('0/100');",
    });
    expect(await loggedRows(db)).toEqual([]);
  });
});

describe("a transaction at which capture stands", () => {
  const POISON = { code: "SY404", message: "the stream of changes cannot be read", lsn: "0/200" };

  test("is not skipped by itself, and by this call alone", async () => {
    await pass.commit([{ lsn: 0x100, changes: [row(todos, "a")] }]);
    await pass.end({ outcome: "failed", error: POISON });
    await pass.end({ outcome: "failed", error: POISON });
    expect(await captureRow(db)).toMatchObject({ attempts: 2, error: POISON, commit_lsn: "0/100" });

    await db.query("select ampsync.skip_transaction('0/200')");
    const next = await SqlCapture.take(db);
    await next.commit([{ lsn: 0x200 }, { lsn: 0x300, changes: [row(todos, "b")] }]);
    expect(await loggedRows(db)).toEqual(['0/100 insert ["a"]', '0/300 insert ["b"]']);
    expect(await loggedEntries(db)).toEqual([
      "rows 0/100 1",
      "floor 0/200 0 a transaction was skipped",
      "floor 0/200 0 a transaction was skipped",
      "rows 0/300 1",
    ]);
    expect(await captureRow(db)).toMatchObject({ skip_lsn: null, error: null, attempts: 0 });
    expect(await events(db, "transaction_skipped")).toMatchObject([{ lsn: "0/200" }]);
  });

  test("is tried again after longer and longer pauses, whatever stands before it and comes again", async () => {
    await pass.storeIdle(0x180);
    for (let failures = 1; failures <= 3; failures++) {
      await pass.storeIdle(0x180, true);
      await pass.commit([{ lsn: 0x100, changes: [row(todos, "a")] }]);
      await pass.end({ outcome: "failed", error: POISON });
      // The first time that transaction is no repetition.
      expect(await captureRow(db)).toMatchObject({ attempts: failures, error: POISON });
      pass = await SqlCapture.take(db);
    }
  });

  test("is stored as empty, though it could be decoded this time", async () => {
    await pass.end({ outcome: "failed", error: POISON });
    await db.query("select ampsync.skip_transaction('0/200')");
    const next = await SqlCapture.take(db);
    await next.storeChanges([row(todos, "a")]);
    await next.commit([{ lsn: 0x200, ahead: 1, changes: [row(todos, "b")] }]);
    expect(await loggedRows(db)).toEqual([]);
    expect(await captureRow(db)).toMatchObject({ large_tx: null, commit_lsn: "0/200" });
    expect((await captureRow(db))["leftover"]).toHaveLength(1);
  });

  test("is the only one that can be skipped; the hint names it", async () => {
    const skip = (place: string) => refusal(db, `select ampsync.skip_transaction('${place}')`);
    expect(await skip("0/200")).toMatchObject({ code: "SY004", detail: "It has no error." });
    await pass.end({ outcome: "failed", error: { code: "08006", message: "gone", lsn: "0/200" } });
    expect(await skip("0/200")).toMatchObject({ code: "SY004" });
    await pass.end({ outcome: "failed", error: POISON });
    expect(await skip("0/300")).toMatchObject({
      code: "SY004",
      hint: "select ampsync.skip_transaction('0/200');",
    });
  });
});
