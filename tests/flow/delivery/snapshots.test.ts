import { beforeAll, describe, expect, test } from "vitest";
import { loadedStream } from "../../support/postgres/shadow.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";
import type { SqlStream } from "../../support/postgres/sql-stream.ts";
import { ensureSnapshot, fetchChunks, shapeId, snapshotMaker } from "../../support/snapshot-rig.ts";

// The job that makes snapshots, of a table of a dataset, whose rows need no capture.

const db = sharedDatabase();
let stream: SqlStream;
let shape: number;

beforeAll(async () => {
  stream = await loadedStream(db);
  await stream.commit(10, 4009);
  await db.query(`update ${stream.target} set note = repeat('x', 1000)`);
  await db.query(`analyze ${stream.target}`);
  await db.query("select ampsync.publish_dataset('chain')");
  await db.query("select ampsync_worker.activate_targets()");
  await db.query("select ampsync.create_shape('blocks', 'chain.blocks', public => true)");
  shape = await shapeId(db, "blocks");
});

async function situation() {
  return (await db.query("select pg_current_wal_lsn() as lsn, clock_timestamp() as now")).rows[0]!;
}

const never = new AbortController().signal;

describe("a snapshot", () => {
  test("has all rows by key, in chunks that are whole, with their sums", async () => {
    const before = await situation();
    await ensureSnapshot(db, shape);
    await (await snapshotMaker(db)).makeAll(never);
    const made = await ensureSnapshot(db, shape);
    expect(made).toMatchObject({ state: "ready", rows: "4010" });
    expect(made.chunks.length).toBeGreaterThan(3);
    for (const chunk of made.chunks) expect(chunk.bytes).toBeLessThanOrEqual(1024 * 1024);
    const text = (await fetchChunks(db, made)).toString();
    expect(String(Buffer.byteLength(text))).toBe(made.bytes);
    const { rows } = await db.query(`select t._id from ${stream.target} t order by t._id`);
    const ids = text.split("\n").map((line) => line.split("\t")[0]);
    expect(ids.slice(0, -1)).toEqual(rows.map(({ _id }) => `\\\\x${(_id as Buffer).toString("hex")}`));
    const { rows: shown } = await db.query(
      `select statistics, position, settled, schema_version, lsn between $1 and pg_current_wal_lsn() as is_lsn,
              created_at between $2 and clock_timestamp() as is_new, at <= created_at as is_of_the_log
         from ampsync.hydrations`,
      [before["lsn"], before["now"]],
    );
    expect(shown).toMatchObject([
      { schema_version: "0.0.0", is_lsn: true, is_new: true, is_of_the_log: true },
    ]);
    expect(shown[0]!["statistics"]).toMatchObject({
      rows: "4010",
      first_key: [ids[0]],
      last_key: [ids[4009]],
    });
    expect(shown[0]!["settled"]).toBe(shown[0]!["position"]);
  });

  test("is of one moment, whatever is committed while it is read", async () => {
    await db.query("delete from ampsync_private.snapshot");
    await ensureSnapshot(db, shape);
    const maker = await snapshotMaker(db, async (place) => {
      if (place === "opened") await stream.commit(4010, 4011);
    });
    await maker.makeAll(never);
    const made = await ensureSnapshot(db, shape);
    expect(made).toMatchObject({ state: "ready", rows: "4010" });
    const { rows } = await db.query(
      `select ampsync_worker.read_log(null, (select epoch from ampsync_private.log_epoch order by number desc limit 1),
                                      $1) as log`,
      [made.position],
    );
    expect(rows[0]!["log"].blocks[0].ranges).toEqual([["4010", "4011"]]);
  });

  test("whose job is killed is made by the next one, from the beginning", async () => {
    const { rows: sessions } = await db.query("select pg_backend_pid() as pid");
    const killed = await snapshotMaker(db, async (place) => {
      if (place !== "stored") return;
      await db.query(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'ampsync snapshot' and datname = current_database() and pid <> $1",
        [sessions[0]!["pid"]],
      );
    });
    // All that it had to read may be on its way by then: it ends, and another one is killed.
    let isKilled = false;
    while (!isKilled) {
      await db.query("delete from ampsync_private.snapshot");
      await ensureSnapshot(db, shape);
      isKilled = await killed.makeAll(never).then(
        () => false,
        () => true,
      );
    }
    expect((await db.query("select state, attempt from ampsync.hydrations")).rows).toEqual([
      { state: "building", attempt: 1 },
    ]);
    await (await snapshotMaker(db)).makeAll(never);
    const made = await ensureSnapshot(db, shape);
    expect(made).toMatchObject({ state: "ready", rows: "4012" });
    expect(rowsOf(await fetchChunks(db, made))).toBe(4012);
    expect((await db.query("select attempt from ampsync.hydrations")).rows).toEqual([{ attempt: 2 }]);
  });

  test("whose job is told to stop is left to the next one", async () => {
    await db.query("delete from ampsync_private.snapshot");
    await ensureSnapshot(db, shape);
    const stop = new AbortController();
    const stopped = await snapshotMaker(db, async (place) => {
      if (place === "stored") stop.abort();
    });
    await stopped.makeAll(stop.signal);
    expect((await db.query("select state from ampsync.hydrations")).rows).toEqual([{ state: "queued" }]);
    await (await snapshotMaker(db)).makeAll(never);
    expect(await ensureSnapshot(db, shape)).toMatchObject({ state: "ready", rows: "4012" });
  });
});

function rowsOf(text: Buffer): number {
  return text.toString().split("\n").length - 1;
}
