import { describe, expect, test } from "vitest";

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

describe("transactions of WAL", () => {
  test("come into the log in its order, each whole, with the tables told once", async () => {
    const todos = await capturedTable(db, "todos");
    const lists = await capturedTable(db, "lists");
    const pass = await SqlCapture.take(db);
    const first = await pass.commit([
      { lsn: 0x100, changes: [row(todos, "a"), row(lists, "b")] },
      { lsn: 0x200, changes: [row(todos, "a", { operation: "delete", data: null, old: { id: "a" } })] },
    ]);
    expect(first).toMatchObject({ commit_lsn: "0/200", end_lsn: "0/208", reread: false });
    expect(first.tables?.map((table) => table.relation)).toEqual([todos, lists]);
    expect((await pass.commit([{ lsn: 0x300, changes: [row(lists, "c")] }])).tables).toBeNull();
    expect(await loggedRows(db)).toEqual([
      '0/100 insert ["a"]',
      '0/100 insert ["b"]',
      '0/200 delete ["a"]',
      '0/300 insert ["c"]',
    ]);
    expect(await loggedEntries(db)).toEqual(["rows 0/100 2", "rows 0/200 1", "rows 0/300 1"]);
    expect(await captureRow(db)).toMatchObject({ stored_tx: "3", replayed_tx: "0", end_lsn: "0/308" });
  });

  test("keep each value as text, a NULL as null, and what was not sent as absent", async () => {
    const todos = await capturedTable(db, "todos");
    const pass = await SqlCapture.take(db);
    const text = 'line\nbreak "quoted" \\ ü 🙂 ';
    await pass.commit([
      {
        lsn: 0x100,
        changes: [
          { table: todos, key: [text], data: { id: text, title: null } },
          { table: todos, operation: "truncate" },
        ],
      },
    ]);
    const { rows } = await db.query(
      "select key, data, old_data, metadata from ampsync_private.change order by seq",
    );
    expect(rows).toEqual([
      { key: JSON.stringify([text]), data: { id: text, title: null }, old_data: null, metadata: null },
      { key: null, data: null, old_data: null, metadata: null },
    ]);
  });

  test("have the time of their commit to the microsecond", async () => {
    const todos = await capturedTable(db, "todos");
    const pass = await SqlCapture.take(db);
    await pass.commit([{ lsn: 0x100, at: "840123456789123", changes: [row(todos, "a")] }]);
    const { rows } = await db.query(
      "select (committed_at at time zone 'UTC')::text as at, recorded_at > committed_at as later from ampsync_private.change_tx",
    );
    expect(rows).toEqual([{ at: "2026-08-15 15:37:36.789123", later: true }]);
  });

  test("that are sent again are counted and dropped, also where others follow in the same call", async () => {
    const todos = await capturedTable(db, "todos");
    const pass = await SqlCapture.take(db);
    await pass.commit([{ lsn: 0x100, changes: [row(todos, "a")] }]);
    await pass.commit([
      { lsn: 0x100, changes: [row(todos, "a")] },
      { lsn: 0x180, changes: [row(todos, "b")] },
    ]);
    await pass.commit([{ lsn: 0x180, changes: [row(todos, "b")] }]);
    expect(await loggedRows(db)).toEqual(['0/100 insert ["a"]', '0/180 insert ["b"]']);
    expect(await captureRow(db)).toMatchObject({ stored_tx: "2", replayed_tx: "2", commit_lsn: "0/180" });
  });

  test("that touch nothing leave nothing, and are behind the log", async () => {
    await capturedTable(db, "todos");
    const pass = await SqlCapture.take(db);
    await pass.commit([{ lsn: 0x100, messages: [{ prefix: "ampsync/mark", content: "" }] }]);
    await pass.commit([{ lsn: 0x200, changes: [row("1", "x")] }]);
    expect(await loggedEntries(db)).toEqual([]);
    expect(await captureRow(db)).toMatchObject({ commit_lsn: "0/200", end_lsn: "0/208" });
  });

  test("are one entry each with as many changes as it has rows, where some were not kept", async () => {
    const todos = await capturedTable(db, "todos");
    const pass = await SqlCapture.take(db);
    await pass.commit([
      { lsn: 0x100, changes: [row(todos, "a"), row("1", "x"), row(todos, "b")] },
      { lsn: 0x200, changes: [row("1", "y")] },
      { lsn: 0x300, changes: [row(todos, "c")] },
    ]);
    expect(await loggedEntries(db)).toEqual(["rows 0/100 2", "rows 0/300 1"]);
  });

  test("out of order are refused, and nothing of the call is stored", async () => {
    const todos = await capturedTable(db, "todos");
    const pass = await SqlCapture.take(db);
    for (const second of [0x80, 0x100]) {
      const mixed = [
        { lsn: 0x100, changes: [row(todos, "a")] },
        { lsn: second, changes: [row(todos, "b")] },
      ];
      expect(await refusal(db, () => pass.commit(mixed))).toMatchObject({ code: "SY404" });
    }
    expect(await loggedRows(db)).toEqual([]);
  });

  test("go into partitions that are made where they are missing", async () => {
    const todos = await capturedTable(db, "todos");
    const pass = await SqlCapture.take(db);
    await db.query("select setval('ampsync_private.tx_id', 6999998)");
    await pass.commit([
      { lsn: 0x100, changes: [row(todos, "a")] },
      { lsn: 0x200, changes: [row(todos, "b")] },
    ]);
    await pass.storeChanges([row(todos, "c")]);
    const { rows } = await db.query(
      "select tableoid::regclass::text as partition, key from ampsync_private.change order by tx_id",
    );
    expect(rows).toEqual([
      { partition: "ampsync_private.change_6", key: '["a"]' },
      { partition: "ampsync_private.change_7", key: '["b"]' },
      { partition: "ampsync_private.change_7", key: '["c"]' },
    ]);
    await SqlCapture.take(db);
    const made = await db.query(
      "select inhrelid::regclass::text as name from pg_inherits where inhparent = 'ampsync_private.change'::regclass order by 1",
    );
    expect(made.rows.map(({ name }) => name.split("_").pop())).toEqual(["0", "1", "2", "6", "7", "8", "9"]);
  });
});

describe("a pass", () => {
  test("whose generation is over stores nothing", async () => {
    const todos = await capturedTable(db, "todos");
    const former = await SqlCapture.take(db);
    const pass = await SqlCapture.take(db, "worker-2");
    const change = row(todos, "a");
    const attempts = [
      () => former.commit([{ lsn: 0x100, changes: [change] }]),
      () => former.storeChanges([change]),
      () => former.storeIdle(0x100),
      () => former.report(0x100),
    ];
    for (const attempt of attempts) {
      expect(await refusal(db, attempt)).toMatchObject({ code: "SY001" });
    }
    await pass.commit([{ lsn: 0x100, changes: [change] }]);
    expect(await loggedRows(db)).toEqual(['0/100 insert ["a"]']);
  });

  test("that is wrong about where the log stands stores nothing", async () => {
    const todos = await capturedTable(db, "todos");
    const pass = await SqlCapture.take(db);
    await pass.commit([{ lsn: 0x100, changes: [row(todos, "a")] }]);
    for (const expected of [null, "0/80", "0/180"]) {
      const late = () => pass.commit([{ lsn: 0x200, changes: [row(todos, "b")] }], expected);
      expect(await refusal(db, late)).toMatchObject({ code: "SY001" });
    }
  });

  test("that asks again, since no answer came, gets the answer and stores nothing twice", async () => {
    const todos = await capturedTable(db, "todos");
    const pass = await SqlCapture.take(db);
    const group = [{ lsn: 0x100, changes: [row(todos, "a")] }];
    const answer = await pass.commit(group, null);
    expect(await pass.commit(group, null)).toEqual(answer);
    expect(await loggedRows(db)).toEqual(['0/100 insert ["a"]']);
  });

  test("is told the tables again when one of them changed", async () => {
    const todos = await capturedTable(db, "todos");
    const pass = await SqlCapture.take(db);
    await pass.commit([{ lsn: 0x100, changes: [row(todos, "a")] }]);
    const lists = await capturedTable(db, "lists");
    const { tables } = await pass.commit([{ lsn: 0x200 }]);
    expect(tables?.map((table) => table.relation)).toEqual([todos, lists]);
    expect(tables?.[0]).toMatchObject({
      leaves: [],
      identity: "full",
      columns: [
        { name: "id", key: true, generated: false },
        { name: "title", key: false, generated: false },
      ],
    });
  });

  test("commits durably where the server's default is not to, and lets a stronger setting be", async () => {
    const pass = await SqlCapture.take(db);
    void pass;
    for (const [before, after] of [
      ["off", "local"],
      ["remote_apply", "remote_apply"],
    ]) {
      await db.query(`set local synchronous_commit = ${before}`);
      const renewed = await SqlCapture.take(db);
      expect((await db.query("show synchronous_commit")).rows[0]!["synchronous_commit"]).toBe(after);
      await db.query(`set local synchronous_commit = ${before}`);
      await renewed.commit([{ lsn: 0x100 }], null);
      expect((await db.query("show synchronous_commit")).rows[0]!["synchronous_commit"]).toBe(after);
      await db.query(`set local synchronous_commit = ${before}`);
      await renewed.storeIdle(0x200);
      expect((await db.query("show synchronous_commit")).rows[0]!["synchronous_commit"]).toBe(after);
      await db.query("update ampsync_private.capture set commit_lsn = null");
    }
  });
});

describe("a table that is published", () => {
  test("goes live before the first transaction behind its publication", async () => {
    const todos = await capturedTable(db, "todos", "starting");
    const pass = await SqlCapture.take(db);
    await pass.commit([
      { lsn: 0x8, changes: [row(todos, "too early")] },
      { lsn: 0x10 },
      { lsn: 0x20, changes: [row(todos, "a")] },
    ]);
    expect(await loggedEntries(db)).toEqual(["floor 0/20 0 published", "rows 0/20 1"]);
    expect(await loggedRows(db)).toEqual(['0/20 insert ["a"]']);
    const { rows } = await db.query(
      "select p.state, p.floor = (select min(position) from ampsync_private.change_tx) as floored from ampsync_private.published p",
    );
    expect(rows).toEqual([{ state: "live", floored: true }]);
    expect(await events(db, "table_live")).toMatchObject([{ table: "public.todos" }]);
  });

  test("goes live on an idle server", async () => {
    await capturedTable(db, "todos", "starting");
    const pass = await SqlCapture.take(db);
    await pass.storeIdle(0x10);
    expect(await loggedEntries(db)).toEqual([]);
    await pass.storeIdle(0x18);
    expect((await loggedEntries(db)).map((entry) => entry.split(" ")[0])).toEqual(["floor"]);
  });

  test("in a state in which nobody follows it has no rows in the log", async () => {
    const todos = await capturedTable(db, "todos", "failed");
    const pass = await SqlCapture.take(db);
    await pass.commit([{ lsn: 0x100, changes: [row(todos, "a")] }]);
    expect(await loggedRows(db)).toEqual([]);
  });
});

describe("idle WAL", () => {
  test("moves no further back, and is no place to start from", async () => {
    const pass = await SqlCapture.take(db);
    await pass.storeIdle(0x200, true);
    await pass.storeIdle(0x100);
    expect(await captureRow(db)).toMatchObject({ idle_lsn: "0/200", end_lsn: null, commit_lsn: null });
    expect((await captureRow(db))["beat_seen_at"]).not.toBeNull();
  });

  test("that was received is shown before it is stored", async () => {
    const pass = await SqlCapture.take(db);
    await pass.report(0x300);
    expect(await captureRow(db)).toMatchObject({ received_lsn: "0/300", idle_lsn: null });
  });
});

describe("a large transaction", () => {
  test("is stored ahead, seen by nobody, and becomes one entry", async () => {
    const todos = await capturedTable(db, "todos");
    const pass = await SqlCapture.take(db);
    expect(await pass.storeChanges([row(todos, "a"), row("1", "x")])).toBe(1);
    expect(await pass.storeChanges([row(todos, "b")], 2)).toBe(1);
    expect(await loggedRows(db)).toEqual([]);
    await pass.commit([{ lsn: 0x100, ahead: 3, changes: [row(todos, "c")] }]);
    expect(await loggedEntries(db)).toEqual(["rows 0/100 3"]);
    expect(await loggedRows(db)).toEqual(['0/100 insert ["a"]', '0/100 insert ["b"]', '0/100 insert ["c"]']);
    expect(await captureRow(db)).toMatchObject({ large_tx: null, large_notes: null, leftover: [] });
  });

  test("of which a batch comes again, since no answer came, is stored once", async () => {
    const todos = await capturedTable(db, "todos");
    const pass = await SqlCapture.take(db);
    await pass.storeChanges([row(todos, "a"), row(todos, "b")]);
    expect(await pass.storeChanges([row(todos, "a"), row(todos, "b")])).toBe(0);
    await pass.commit([{ lsn: 0x100, ahead: 2 }]);
    expect(await loggedEntries(db)).toEqual(["rows 0/100 2"]);
  });

  test("that a pass did not finish is left over, and removed in small steps", async () => {
    const todos = await capturedTable(db, "todos");
    const former = await SqlCapture.take(db);
    await former.storeChanges([row(todos, "a")]);
    const pass = await SqlCapture.take(db, "worker-2");
    await pass.storeChanges([row(todos, "a")]);
    await pass.commit([{ lsn: 0x100, ahead: 1 }]);
    expect(await loggedRows(db)).toEqual(['0/100 insert ["a"]']);
    const { rows } = await db.query(
      "select count(*)::integer as n from graphile_worker.jobs where key = 'ampsync_rotate'",
    );
    expect(rows[0]!["n"]).toBe(1);

    const removed = async () =>
      (await db.query("select ampsync_worker.remove_leftover() as more")).rows[0]!["more"];
    expect(await removed()).toBe(true);
    expect(await removed()).toBe(false);
    const left = await db.query("select count(*)::integer as n from ampsync_private.change");
    expect(left.rows[0]!["n"]).toBe(1);
  });

  test("that is sent again whole, having been stored, leaves its rows to nobody", async () => {
    const todos = await capturedTable(db, "todos");
    const pass = await SqlCapture.take(db);
    await pass.commit([{ lsn: 0x100, changes: [row(todos, "a")] }]);
    await pass.storeChanges([row(todos, "a")]);
    await pass.commit([{ lsn: 0x100, ahead: 1 }]);
    await pass.storeChanges([row(todos, "b")]);
    await pass.commit([{ lsn: 0x200, ahead: 1 }]);
    expect(await loggedRows(db)).toEqual(['0/100 insert ["a"]', '0/200 insert ["b"]']);
    expect((await captureRow(db))["leftover"]).toHaveLength(1);
  });

  test("holds rows of a table from before its publication: those are not kept", async () => {
    const todos = await capturedTable(db, "todos");
    const lists = await capturedTable(db, "lists", "starting");
    const pass = await SqlCapture.take(db);
    await pass.storeChanges([row(todos, "a"), row(lists, "b")]);
    await pass.commit([{ lsn: 0x10, ahead: 2 }]);
    expect(await loggedRows(db)).toEqual(['0/10 insert ["a"]']);
    expect(await loggedEntries(db)).toEqual(["rows 0/10 1"]);
    await pass.storeChanges([row(lists, "c")]);
    await pass.commit([{ lsn: 0x20, ahead: 1 }]);
    expect(await loggedEntries(db)).toEqual(["rows 0/10 1", "floor 0/20 0 published", "rows 0/20 1"]);
  });
});

test("a TRUNCATE, also of a large transaction, is where a table can be rebuilt from, unless a baseline goes on", async () => {
  const todos = await capturedTable(db, "todos");
  const pass = await SqlCapture.take(db);
  const rebuildable = async () =>
    (
      await db.query(
        "select t.lsn::text as lsn from ampsync_private.published p left join ampsync_private.change_tx t on t.position = p.rebuildable_from",
      )
    ).rows[0]!["lsn"];
  await pass.commit([{ lsn: 0x100, changes: [{ table: todos, operation: "truncate" }, row(todos, "a")] }]);
  expect(await rebuildable()).toBe("0/100");
  await pass.storeChanges([row(todos, "b"), { table: todos, operation: "truncate" }]);
  await pass.commit([{ lsn: 0x200, ahead: 2 }]);
  expect(await rebuildable()).toBe("0/200");

  await db.query(`
    update ampsync_private.published p
       set rebuildable_from = ampsync_private.log_entry('baseline', array[p.published_id], '{}', '0/280')`);
  await pass.commit([{ lsn: 0x300, changes: [{ table: todos, operation: "truncate" }] }]);
  expect(await rebuildable()).toBe("0/280");
});

test("a TRUNCATE before a floor of the same call leaves it where it is", async () => {
  const todos = await capturedTable(db, "todos");
  const pass = await SqlCapture.take(db);
  await pass.commit([
    { lsn: 0x100, changes: [{ table: todos, operation: "truncate" }] },
    { lsn: 0x200, changes: [row(todos, "a")], marks: [{ kind: "identity", relation: todos }] },
  ]);
  const { rows } = await db.query(
    "select rebuildable_from = floor as bounded from ampsync_private.published",
  );
  expect(rows).toEqual([{ bounded: true }]);
});

test.each([
  ["of this moment", "1000", "1000", "1000"],
  ["a little older or younger", "990", "1000", "990"],
  ["a little younger", "1010", "1000", "1010"],
  ["from before the step over 2^32", "4294967290", "4294967300", "4294967290"],
  ["from behind the step over 2^32", "4", "4294967290", "4294967300"],
  ["equal, epochs later", "5", "12884901893", "12884901893"],
  ["two milliards back", "1000", "2147484647", "1000"],
  ["never below the first", "4294967295", "10", "4294967295"],
])("a transaction id %s is widened to the nearest one", async (_name, xid, near, wide) => {
  const { rows } = await db.query(
    "select ampsync_private.nearest_xid8($1::bigint, $2::text::xid8)::text as wide",
    [xid, near],
  );
  expect(rows[0]!["wide"]).toBe(wide);
});
