import { expect, test } from "vitest";

import { moveClock } from "../../support/postgres/clock.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { hashOf, SqlStream, watermark } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

/** Each row of the journal with an event, as its details. */
async function told(event: string, table = "blocks") {
  const { rows } = await db.query(
    "select details from ampsync.events where event = $1 and table_name = $2 order by event_id",
    [event, table],
  );
  return rows.map((row) => row["details"]);
}

/** The last block is replaced by one of another fork. */
async function flap(stream: SqlStream, turn: number): Promise<void> {
  const fork = String.fromCharCode("b".charCodeAt(0) + (turn % 20));
  await stream.beginApply({ from: 9, parentHash: hashOf(8) });
  await stream.insert(9, 9, fork);
  await stream.commitApply([watermark(9, 9, { fork, parentFork: "a" })], 1);
}

async function loaded(table = "blocks", dataset = "chain"): Promise<SqlStream> {
  const stream = await SqlStream.prepare(db, { table, dataset });
  await stream.apply(0, 8);
  await stream.apply(9, 9);
  return stream;
}

test("a head that flaps is told ten times a minute, and in the last row how often more", async () => {
  const stream = await loaded();
  for (let turn = 0; turn < 40; turn++) await flap(stream, turn);
  const reorgs = await told("reorg");
  expect(reorgs).toHaveLength(10);
  expect(reorgs.slice(0, 9).some((details) => "repeated" in details)).toBe(false);
  expect(reorgs[9]).toEqual({ from_block: 9, old_tip: 9, depth: 1, rows_deleted: 1, repeated: 30 });
  expect(await stream.view()).toMatchObject({ rewrites: "40", rows: "10" });

  await moveClock(db, "61 s");
  await stream.acquire("worker-2");
  await flap(stream, 40);
  expect(await told("reorg")).toHaveLength(11);
});

test("other tables, and other events of the same table, have rows of their own", async () => {
  const stream = await loaded();
  const other = await loaded("logs", "other");
  for (let turn = 0; turn < 12; turn++) await flap(stream, turn);
  await flap(other, 0);
  expect(await told("reorg", "logs")).toHaveLength(1);
  const before = (await told("reorg")).at(-1);
  await stream.endPass("ended");
  expect(await told("stream_error")).toHaveLength(1);
  expect((await told("reorg")).at(-1)).toEqual(before);
});

test("errors that come and go all the time are told in the same way", async () => {
  const stream = await loaded();
  for (let turn = 0; turn < 30; turn++) {
    await db.query("select ampsync_worker.mark_retrying($1, $2, $3)", [
      stream.id,
      stream.epoch,
      { code: "SY101", message: `turn ${turn}` },
    ]);
    await db.query("select ampsync_worker.mark_live($1, $2)", [stream.id, stream.epoch]);
  }
  expect(await told("protocol_error")).toHaveLength(10);
  expect((await told("protocol_error")).at(-1)).toMatchObject({ message: "turn 29", repeated: 20 });
  expect((await told("live")).at(-1)).toMatchObject({ repeated: 20 });
});
