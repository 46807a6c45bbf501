// Takes 17 s.
import type pg from "pg";
import { beforeEach, expect, test } from "vitest";

import { records, SqlSource } from "../support/http/sql-source.ts";
import { backendOf, untilBlocked } from "../support/postgres/rivals.ts";
import { shadowOf } from "../support/postgres/shadow.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";
import { type Connection, SqlStream } from "../support/postgres/sql-stream.ts";
import { waitFor } from "../support/wait-for.ts";

const db = sharedDatabase();
let dataset: string;
/** With blocks 0 to 9, and its lease in the hands of worker-1. */
let stream: SqlStream;
let datasets = 0;

beforeEach(async () => {
  dataset = `chain_${++datasets}`;
  stream = await SqlStream.prepare(db, { dataset });
  await stream.commit(0, 9);
});

function drop(client: Connection, args = ""): Promise<pg.QueryResult> {
  return client.query(`select * from ampsync.drop_sync($1${args})`, [dataset]);
}

async function isSynced(): Promise<boolean> {
  return (await db.query("select from ampsync.status where dataset = $1", [dataset])).rowCount === 1;
}

/** A call that waits for somebody else; it never rejects, but answers with the error. */
async function waiting(call: (client: pg.Client) => Promise<unknown>) {
  const client = await db.client();
  const pid = await backendOf(client);
  const answer = call(client).catch((error: Error) => error);
  await untilBlocked(db, pid);
  return { pid, answer };
}

/** A drop whose transaction stays open. */
async function openDrop(): Promise<pg.Client> {
  const client = await db.client();
  await client.query("begin");
  await drop(client);
  return client;
}

test("a writer in mid-transaction is ended, and nothing of it is left", async () => {
  const writer = await db.client();
  await writer.query("begin");
  await stream.through(writer).beginApply();
  await stream.through(writer).insert(10, 19);
  expect((await drop(db)).rows).toMatchObject([{ state: "kept" }]);
  await expect(writer.query("commit")).rejects.toThrow();
  expect((await stream.rows()).split(" ")).toHaveLength(10);
});

test("from a transaction that stays open, writers are refused, and heartbeats wait for nothing", async () => {
  const other = await SqlStream.prepare(db, { dataset: `${dataset}_other` });
  const dropper = await openDrop();
  await expect(stream.beginApply()).rejects.toMatchObject({ code: "SY001" });
  const beat = [stream, other].map(({ id, epoch }) => ({
    stream_id: id,
    epoch,
    head: "20",
    network: "mainnet",
  }));
  const heartbeat = async () => {
    const { rows } = await db.query(
      "select stream_id, verdict from ampsync_worker.renew_leases('worker-1', $1) order by verdict = 'lost'",
      [JSON.stringify(beat)],
    );
    return rows;
  };
  expect(await heartbeat()).toHaveLength(2);
  await dropper.query("commit");
  expect(await heartbeat()).toEqual([
    { stream_id: other.id, verdict: expect.stringMatching("keep|yield") },
    { stream_id: stream.id, verdict: "lost" },
  ]);
});

test("a takeover that waited for it finds the stream gone", async () => {
  await stream.endPass("ended");
  const dropper = await openDrop();
  const { answer } = await waiting((client) => stream.through(client).acquire("worker-2"));
  await dropper.query("commit");
  expect(await answer).toMatchObject({ code: "SY002", message: `stream ${stream.id} is gone` });
});

test("of two calls at once one drops, the other finds nothing", async () => {
  const dropper = await openDrop();
  const { answer } = await waiting((client) => drop(client));
  await dropper.query("commit");
  expect(await answer).toMatchObject({ rows: [] });
  expect(await isSynced()).toBe(false);
});

test("an enqueue_sync at the same time begins a sync of its own after it", async () => {
  const dropper = await openDrop();
  const { answer } = await waiting((client) => client.query("select ampsync.enqueue_sync($1)", [dataset]));
  await dropper.query("commit");
  expect(await answer).toMatchObject({ rowCount: 1 });
  const { rows } = await db.query("select dataset, table_name from ampsync.streams where dataset = $1", [
    dataset,
  ]);
  expect(rows).toEqual([]);
  expect(await isSynced()).toBe(true);
});

test("a resync that was first is waited for, and goes with it", async () => {
  const resyncer = await db.client();
  await resyncer.query("begin");
  await resyncer.query("select ampsync.resync($1)", [dataset]);
  const { answer } = await waiting((client) => drop(client));
  await resyncer.query("commit");
  expect(await answer).toMatchObject({ rows: [{ state: "kept" }] });
  expect(await shadowOf(db, stream)).toBeNull();
});

test("a resync that comes later finds nothing to do", async () => {
  const dropper = await openDrop();
  const { answer } = await waiting((client) => client.query("select ampsync.resync($1)", [dataset]));
  await dropper.query("commit");
  expect(await answer).toMatchObject({ rows: [] });
  expect(await shadowOf(db, stream)).toBeNull();
});

test.each([
  "rollback_version($1)",
  "alter_sync($1)",
  'alter_sync($1, rename => \'{"logs": "events"}\', queries => \'{"mart": "select 1"}\')',
  "set_source($1)",
  "set_source($1, 'http://amp:1602')",
  "adopt($1)",
])("%s that comes later is told that nothing is synced, and begins no sync", async (call) => {
  const dropper = await openDrop();
  const { answer } = await waiting((client) => client.query(`select ampsync.${call}`, [dataset]));
  await dropper.query("commit");
  expect(await answer).toMatchObject({ code: "SY003", hint: "select dataset from ampsync.status;" });
  expect(await isSynced()).toBe(false);
});

test("an alter_sync that comes later concerns the sync that was begun again in the same transaction", async () => {
  const dropper = await openDrop();
  const { answer } = await waiting((client) =>
    client.query("select ampsync.alter_sync($1, retention_blocks => 200)", [dataset]),
  );
  await dropper.query("select ampsync.enqueue_sync($1, retention_blocks => 100)", [dataset]);
  await dropper.query("commit");
  expect(await answer).toMatchObject({ rowCount: 1 });
  const { rows } = await db.query(
    "select retention_blocks::int as blocks from ampsync_private.dataset where label = $1",
    [dataset],
  );
  expect(rows).toEqual([{ blocks: 200 }]);
});

test("a process that starts meanwhile makes a new sync with its own settings", async () => {
  const dropper = await openDrop();
  const { answer } = await waiting((client) =>
    client.query("select is_new, target_schema from ampsync_worker.start_sync($1, null, 200)", [dataset]),
  );
  await dropper.query("commit");
  expect(await answer).toMatchObject({ rows: [{ is_new: true, target_schema: "public" }] });
});

test("a worker that finds the stream live again at that moment plans no indexes for it", async () => {
  const live = (client: Connection) =>
    client.query("select ampsync_worker.mark_live($1, $2)", [stream.id, stream.epoch]);
  await live(db);
  const dropper = await openDrop();
  const { answer } = await waiting(live);
  await dropper.query("commit");
  expect(await answer).toMatchObject({ rowCount: 1 });
});

test("broken off while it waits for a table, nothing has happened, and it can be done again", async () => {
  const reader = await db.client();
  await reader.query(`begin; select from ${stream.target}`);
  const { pid, answer } = await waiting((client) => drop(client, ", drop_tables => true"));
  await db.query("select pg_terminate_backend($1)", [pid]);
  expect(await answer).toBeInstanceOf(Error);
  await waitFor(`backend ${pid} to end`, async () => {
    return (await db.query("select from pg_stat_activity where pid = $1", [pid])).rowCount === 0;
  });
  await reader.query("commit");
  await stream.commit(10, 19);
  expect(await stream.view()).toMatchObject({ block: "19" });
  expect((await drop(db, ", drop_tables => true")).rows).toMatchObject([{ state: "dropped" }]);
});

test("a table that is read for longer than 5 s is not dropped, nor anything else", async () => {
  const reader = await db.client();
  await reader.query(`begin; select from ${stream.target}`);
  await expect(drop(db, ", drop_tables => true")).rejects.toMatchObject({
    code: "55P03",
    message: `table ${stream.target} is in use`,
    hint: expect.stringContaining("pg_locks"),
  });
  await stream.commit(10, 19);
  expect((await drop(db)).rows).toMatchObject([{ state: "kept" }]); // Readers do not keep it from that.
});

test.each([
  ["the first and then the second", [0, 1]],
  ["the second and then the first", [1, 0]],
])("whoever reads two tables, %s, is no deadlock with a drop of both", async (_, order) => {
  const streams = [await SqlStream.prepare(db, { dataset: `${dataset}_two`, table: "blocks" })];
  streams.push(await SqlStream.prepare(db, { dataset: `${dataset}_two`, table: "logs" }));
  const [one, other] = order.map((n) => streams[n]!.target);
  const reader = await db.client();
  await reader.query(`begin; select from ${one}`);
  dataset = `${dataset}_two`;
  const { answer } = await waiting((client) => drop(client, ", drop_tables => true"));
  await reader.query(`select from ${other}; commit`);
  expect(await answer).toMatchObject({ rows: [{ state: "dropped" }, { state: "dropped" }] });
});

test("a reader of what an HTTP source has staged is named, with the statement that shows it", async () => {
  const source = await SqlSource.prepare(db, { name: `${dataset}_events` });
  await source.commit([{ records: records(1, 5) }]);
  const reader = await db.client();
  await reader.query("begin");
  await reader.query(`select from ${source.staging}`);
  const dropped = () => db.query("select state from ampsync.drop_sync($1)", [source.name]);
  const error = await dropped().catch((refused: pg.DatabaseError) => refused);
  expect(error).toMatchObject({
    code: "55P03",
    message: `staging table ${source.staging} of ${source.name} is in use`,
  });
  const { hint } = error as pg.DatabaseError;
  const { rows } = await db.query(hint!.slice(hint!.indexOf("select ")));
  expect(rows).toMatchObject([{ pid: await backendOf(reader) }]);
  await reader.query("rollback");
  expect((await dropped()).rows).toEqual([{ state: "kept" }]);
});
