import type pg from "pg";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { backendOf, LOCKS_HERE, untilBlocked } from "../support/postgres/rivals.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";
import {
  capturedTable,
  loggedEntries,
  loggedRows,
  row,
  SqlCapture,
} from "../support/postgres/sql-capture.ts";

const db = sharedDatabase();

let todos: string;
let one: pg.Client;
let other: pg.Client;
let pass: SqlCapture;
let tables = 0;
/** Each test is of its own place in WAL. */
let at = 0;

beforeEach(async () => {
  tables++;
  at += 0x1000;
  todos = await capturedTable(db, `todos_${tables}`);
  one = await db.client();
  other = await db.client();
  pass = await SqlCapture.take(db);
  await db.query("delete from ampsync_private.change_tx");
});
afterEach(async () => {
  await db.query("update ampsync_private.published set state = 'ended', relation = null");
});

describe("two passes at once", () => {
  test("one that takes over waits for the commit of the other, and goes on behind it", async () => {
    await one.query("begin");
    await pass.through(one).commit([{ lsn: at, changes: [row(todos, "a")] }]);
    const pid = await backendOf(other);
    const taking = SqlCapture.take(other, "worker-2");
    await untilBlocked(db, pid);
    await one.query("commit");
    const next = await taking;
    expect(next.commitLsn).toBe(`0/${at.toString(16).toUpperCase()}`);
    await next.commit([
      { lsn: at, changes: [row(todos, "a")] },
      { lsn: at + 0x10, changes: [row(todos, "b")] },
    ]);
    expect((await loggedRows(db)).map((line) => line.split(" ").pop())).toEqual(['["a"]', '["b"]']);
  });

  test.each([
    ["commit_capture", (late: SqlCapture) => late.commit([{ lsn: at, changes: [row(todos, "a")] }])],
    ["store_changes", (late: SqlCapture) => late.storeChanges([row(todos, "a")])],
    ["store_idle", (late: SqlCapture) => late.storeIdle(at)],
  ])(
    "%s of one that was frozen comes too late, also while the takeover is under way",
    async (_name, store) => {
      await one.query("begin");
      await SqlCapture.take(one, "worker-2");
      const pid = await backendOf(other);
      const late = store(pass.through(other)).catch((error: unknown) => error);
      await untilBlocked(db, pid);
      await one.query("commit");
      expect(await late).toMatchObject({ code: "SY001" });
      expect(await loggedRows(db)).toEqual([]);
    },
  );

  test("of the same generation store each transaction once", async () => {
    const group = [{ lsn: at, changes: [row(todos, "a")] }];
    await one.query("begin");
    await pass.through(one).commit(group);
    const pid = await backendOf(other);
    const repeated = pass.through(other).commit(group);
    await untilBlocked(db, pid);
    await one.query("commit");
    expect(await repeated).toMatchObject({ end_lsn: `0/${(at + 8).toString(16).toUpperCase()}` });
    expect(await loggedRows(db)).toHaveLength(1);
  });
});

test("an entry of the log that is under way stands before a commit of capture, which waits for it", async () => {
  await one.query("begin");
  const { rows } = await one.query("select ampsync_private.log_entry('floor', '{}', '{}') as position");
  const pid = await backendOf(other);
  const committing = pass.through(other).commit([{ lsn: at, changes: [row(todos, "a")] }]);
  await untilBlocked(db, pid);
  await one.query("commit");
  await committing;
  const { rows: entries } = await db.query(
    "select position > $1 as later from ampsync_private.change_tx where kind = 'rows'",
    [rows[0].position],
  );
  expect(entries).toEqual([{ later: true }]);
});

describe("a user who holds the row of a published table in a transaction that stays open", () => {
  /** As an open `publish` or `unpublish` of the table does. */
  async function hold(relation: string): Promise<void> {
    await one.query("begin");
    await one.query("select from ampsync_private.published p where p.relation = $1::oid for update", [
      relation,
    ]);
  }

  test("holds up no rows, neither of other tables nor of that one", async () => {
    const lists = await capturedTable(db, `lists_${tables}`);
    await hold(todos);
    await pass.commit([{ lsn: at, changes: [row(todos, "a"), row(lists, "b")] }]);
    await one.query("rollback");
    expect(await loggedEntries(db)).toHaveLength(1);
  });

  test("keeps that table alone from going live, which it does afterwards", async () => {
    const starting = await capturedTable(db, `starting_${tables}`, "starting");
    await hold(starting);
    await pass.commit([{ lsn: at, changes: [row(starting, "a"), row(todos, "b")] }]);
    expect((await loggedRows(db)).map((line) => line.split(" ").pop())).toEqual(['["b"]']);
    await one.query("rollback");
    await pass.commit([{ lsn: at + 0x10, changes: [row(starting, "c")] }]);
    expect((await loggedEntries(db)).map((entry) => entry.split(" ")[0])).toEqual(["rows", "floor", "rows"]);
    expect((await loggedRows(db)).map((line) => line.split(" ").pop())).toEqual(['["b"]', '["c"]']);
  });

  test("holds up what changes that row, which waits without the log lock, and is tried again", async () => {
    await hold(todos);
    const pid = await backendOf(other);
    const group = [{ lsn: at, changes: [row(todos, "a")], marks: [{ kind: "identity", relation: todos }] }];
    const refused = pass
      .through(other)
      .commit(group)
      .catch((error: unknown) => error);
    await untilBlocked(db, pid);
    const held = await db.query(
      `select from ${LOCKS_HERE} where locks.pid = ${pid} and locks.locktype = 'advisory'`,
    );
    expect(held.rowCount).toBe(0);
    expect(await refused).toMatchObject({ code: "55P03" });
    expect(await loggedEntries(db)).toEqual([]);
    await one.query("rollback");
    await pass.commit(group);
    expect(await loggedEntries(db)).toHaveLength(2);
  });
});
