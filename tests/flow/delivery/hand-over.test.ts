import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { SnapshotMakerOptions } from "../../../src/snapshot/snapshot-maker.ts";
import { publish, type RunningPass, startPass, untilCaptured } from "../../support/capture/rig.ts";
import { dice } from "../../support/dice.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";
import {
  ensureSnapshot,
  fetchChunks,
  type Snapshot,
  shapeId,
  snapshotMaker,
} from "../../support/snapshot-rig.ts";

// A snapshot and the log behind it make the table, whatever is written meanwhile: nothing is lost, nothing is applied
// twice. The rule is read_shapes': what the snapshot does not see, wherever it stands in the log.

const WRITERS = 8;
/** More than what a gateway reads by itself. */
const ROWS = 3000;

const db = sharedDatabase();
let pass: RunningPass;
let shape: number;

beforeAll(async () => {
  await db.query("create table items (id int primary key, v text)");
  await db.query(`insert into items select n, 'first' from generate_series(1, ${ROWS}) n`);
  await db.query("analyze items");
  await publish(db, ["items"]);
  pass = startPass(db);
  await untilCaptured(db);
  await db.query("select ampsync.create_shape('items', 'items', public => true)");
  shape = await shapeId(db, "items");
});
afterAll(() => pass.stop());

/** Writes at random until it is told to stop: inserts, updates, deletes, within savepoints, slow and asynchronous ones. */
async function write(writer: number, isOver: () => boolean): Promise<number> {
  const client = await db.client();
  const throws = dice(writer + 1);
  let written = 0;
  while (!isOver()) {
    const id = () => throws(0, ROWS / WRITERS) * WRITERS + writer;
    const change = () =>
      [
        `insert into items values (${id()}, 'w${writer}') on conflict (id) do update set v = excluded.v`,
        `update items set v = v || '.' where id = ${id()}`,
        `delete from items where id = ${id()}`,
        `savepoint a; update items set v = 'never' where id = ${id()}; rollback to a; delete from items where id = ${id()}`,
        `savepoint a; update items set id = ${ROWS * 10 + throws(0, 1e6) * WRITERS + writer} where id = ${id()}; release a`,
        `select pg_sleep(0.0${throws(1, 3)})`,
      ][throws(0, 5)]!;
    const work = Array.from({ length: throws(1, 4) }, change).join("; ");
    const mode = throws(0, 2) === 0 ? "set local synchronous_commit = off; " : "";
    await client.query(`begin; ${mode}${work}; ${throws(0, 9) === 0 ? "rollback" : "commit"}`);
    written++;
  }
  return written;
}

type Rows = Map<string, string>;

function rowsOf(text: Buffer): Rows {
  const lines = text.toString().split("\n").slice(0, -1);
  return new Map(lines.map((line) => line.split("\t") as [string, string]));
}

/** What the log says goes onto the rows of a snapshot. Returns what did not fit. */
async function follow(rows: Rows, { visible, settled }: Snapshot, upto: string): Promise<string[]> {
  const { rows: changes } = await db.query(
    "select * from ampsync_worker.read_shapes(array[$1::int], null, $4, $3, $2)",
    [shape, visible, settled, upto],
  );
  const misfits: string[] = [];
  for (const { operation, key, data, position } of changes) {
    if (operation === "truncate") {
      rows.clear();
      continue;
    }
    const [id] = JSON.parse(key) as [string];
    if ((operation === "insert") === rows.has(id)) misfits.push(`${operation} of ${id} at ${position}`);
    if (operation === "delete") rows.delete(id);
    else rows.set(id, (JSON.parse(data) as { v: string }).v);
  }
  return misfits;
}

async function makeOne(at?: SnapshotMakerOptions["at"]): Promise<Snapshot> {
  await db.query("delete from ampsync_private.snapshot");
  expect(await ensureSnapshot(db, shape)).toMatchObject({ small: false, state: "queued" });
  const maker = await snapshotMaker(db, at);
  await maker.makeAll(new AbortController().signal);
  const made = await ensureSnapshot(db, shape);
  expect(made).toMatchObject({ state: "ready", error: null });
  return made;
}

describe("under writers", () => {
  test("each snapshot and what comes behind it make the table", { timeout: 60_000 }, async () => {
    let isOver = false;
    const writers = Array.from({ length: WRITERS }, (_, writer) => write(writer, () => isOver));
    const made: [Snapshot, Rows][] = [];
    try {
      for (let n = 0; n < 4; n++) {
        const snapshot = await makeOne();
        made.push([snapshot, rowsOf(await fetchChunks(db, snapshot))]);
      }
    } finally {
      isOver = true;
    }
    expect((await Promise.all(writers)).every((written) => written > 0)).toBe(true);
    await untilCaptured(db);

    const { rows } = await db.query("select id::text, v from items");
    const table = new Map(rows.map(({ id, v }) => [id as string, v as string]));
    const { rows: heads } = await db.query("select ampsync.head() as head");
    for (const [snapshot, copy] of made) {
      expect(BigInt(snapshot.settled)).toBeGreaterThanOrEqual(BigInt(snapshot.position));
      expect(await follow(copy, snapshot, heads[0]!["head"])).toEqual([]);
      expect(copy.size).toBe(table.size);
      expect([...copy].filter(([id, v]) => table.get(id) !== v)).toEqual([]);
    }
  });

  test("a transaction that is in the log and not yet seen, as one that waits for a standby, is not lost", async () => {
    // Its entry is moved by hand, to a place that lies below the position of the snapshot, which does not see it.
    const { rows: places } = await db.query("select ampsync_private.take_position() as position");
    await db.query("update items set v = 'between' where id = (select max(id) from items)");
    await untilCaptured(db);
    const writer = await db.client();
    await writer.query("begin; update items set v = 'late' where id = (select min(id) from items)");
    const { rows: xids } = await writer.query("select pg_current_xact_id()::text as xid");
    const snapshot = await makeOne();
    const copy = rowsOf(await fetchChunks(db, snapshot));
    expect([...copy.values()]).not.toContain("late");
    await writer.query("commit");
    await untilCaptured(db);
    expect(BigInt(snapshot.position)).toBeGreaterThan(BigInt(places[0]!["position"]));
    await db.query("update ampsync_private.change_tx set position = $2 where xid = $1::xid8", [
      xids[0]!["xid"],
      places[0]!["position"],
    ]);
    const { rows: heads } = await db.query("select ampsync.head() as head");
    expect(await follow(copy, snapshot, heads[0]!["head"])).toEqual([]);
    expect([...copy.values()]).toContain("late");
    expect([...copy.values()]).toContain("between");
  });

  test("a TRUNCATE that comes while the rows are read comes behind them", async () => {
    let truncated: Promise<unknown> = Promise.resolve();
    const snapshot = await makeOne(async (place) => {
      if (place !== "opened") return;
      truncated = db.query("begin; truncate items; insert into items values (7, 'after'); commit");
    });
    await truncated;
    await untilCaptured(db);
    const copy = rowsOf(await fetchChunks(db, snapshot));
    expect(copy.size).toBeGreaterThan(1000);
    const { rows: heads } = await db.query("select ampsync.head() as head");
    expect(await follow(copy, snapshot, heads[0]!["head"])).toEqual([]);
    expect([...copy]).toEqual([["7", "after"]]);
  });
});
