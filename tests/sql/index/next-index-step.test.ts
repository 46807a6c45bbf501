import { describe, expect, test } from "vitest";

import { moveClock } from "../../support/postgres/clock.ts";
import {
  buildIndexes,
  leaveInvalid,
  nextStep,
  noteStep,
  shownIndexes,
} from "../../support/postgres/indexes.ts";
import { journaled } from "../../support/postgres/journal.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { SqlStream, waitingJobs } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

async function liveStream(): Promise<SqlStream> {
  const stream = await SqlStream.prepare(db);
  await stream.apply(0, 9, { expected: null });
  await db.query("select ampsync_worker.mark_live($1, $2)", [stream.id, stream.epoch]);
  return stream;
}

const declare = (columns: readonly string[]) =>
  db.query("select ampsync.enqueue_sync('chain', block_index => 'none', indexes => $1)", [
    JSON.stringify({ blocks: [columns] }),
  ]);

describe("an index of the user's own", () => {
  const SERVES: readonly (readonly [readonly string[], string])[] = [
    [["_block_num"], "(_block_num)"],
    [["_block_num"], "(_block_num desc)"], // Read backwards.
    [["_block_num"], "(_block_num, note)"],
    [["note", "_block_num desc"], "(note, _block_num desc)"],
    [["note", "_block_num desc"], "(note desc, _block_num)"],
    [["note"], "(note) include (block_hash)"],
  ];
  test.each(SERVES)("that serves %j counts: %s", async (wanted, own) => {
    const stream = await liveStream();
    await db.query(`create index mine on chain.blocks ${own}`);
    await declare(wanted);
    expect(await nextStep(db, stream)).toBeNull();
    expect(await shownIndexes(db)).toMatchObject([{ index: "mine", state: "valid" }]);
  });

  test("that is the primary key counts", async () => {
    const stream = await liveStream();
    await declare(["_id"]);
    expect(await nextStep(db, stream)).toBeNull();
    expect(await shownIndexes(db)).toMatchObject([{ index: "blocks_pkey", state: "valid" }]);
  });

  const DOES_NOT: readonly (readonly [readonly string[], string])[] = [
    [["_block_num"], "(note, _block_num)"],
    [["note", "_block_num desc"], "(note, _block_num)"],
    [["note", "_block_num desc"], "(note)"],
    [["note"], "(note nulls first)"],
    [["note"], "(lower(note))"],
    [["note"], "(note) where note is not null"],
    [["note"], "(note text_pattern_ops)"],
    [["note"], '(note collate "C")'],
    [["note"], "using hash (note)"],
    [["note"], "using brin (note)"],
    [["block_hash"], "(note) include (block_hash)"],
  ];
  test.each(DOES_NOT)("that does not serve %j does not count: %s", async (wanted, own) => {
    const stream = await liveStream();
    await db.query(`create index mine on chain.blocks ${own}`);
    await declare(wanted);
    expect(await nextStep(db, stream)).toMatchObject({
      columns: wanted.map((column) => column.split(" ")[0]),
    });
  });

  test("that is a btree counts where brin is wanted, and a brin does not where a btree is", async () => {
    const stream = await liveStream();
    await db.query("select ampsync.enqueue_sync('chain', block_index => 'brin')");
    await buildIndexes(db, stream);
    await db.query("select ampsync.enqueue_sync('chain', block_index => 'btree')");
    expect(await buildIndexes(db, stream)).toHaveLength(1);
    await db.query("drop index chain.blocks__block_num_idx");
    await db.query("select ampsync.enqueue_sync('chain', block_index => 'brin')");
    expect(await nextStep(db, stream)).toBeNull();
    expect(await shownIndexes(db)).toMatchObject([
      { state: "valid", definition: expect.stringContaining("btree") },
    ]);
  });

  test("that is invalid does not count, and is left alone", async () => {
    const stream = await liveStream();
    await leaveInvalid(db, "create index mine on chain.blocks (_block_num)", "chain.mine");
    expect(await buildIndexes(db, stream)).toHaveLength(1);
    expect((await db.query("select to_regclass('chain.mine') is not null as kept")).rows).toEqual([
      { kept: true },
    ]);
  });
});

describe("an interrupted build", () => {
  test("is dropped and begun again", async () => {
    const stream = await liveStream();
    const step = await nextStep(db, stream);
    await leaveInvalid(db, step.statement, "chain.blocks__block_num_idx");
    expect(await buildIndexes(db, stream)).toEqual([
      "drop index concurrently if exists chain.blocks__block_num_idx",
      "create index concurrently blocks__block_num_idx on chain.blocks using btree (_block_num)",
    ]);
    expect(await shownIndexes(db)).toMatchObject([{ state: "valid" }]);
  });

  test("that the server finished is found valid", async () => {
    const stream = await liveStream();
    const step = await nextStep(db, stream);
    await db.query(step.statement.replace(" concurrently", ""));
    expect(await nextStep(db, stream)).toBeNull();
    expect(await shownIndexes(db)).toMatchObject([{ state: "valid" }]);
    expect(await journaled(db, "index_valid")).toMatchObject([
      { table_name: "blocks", details: { index: "chain.blocks__block_num_idx", columns: "_block_num" } },
    ]);
  });

  test("is shown as waiting, since nobody builds", async () => {
    const stream = await liveStream();
    await nextStep(db, stream);
    expect(await shownIndexes(db)).toMatchObject([{ state: "waiting" }]);
    await db.query("select ampsync_worker.hold_index_lock()");
    try {
      expect(await shownIndexes(db)).toMatchObject([
        { state: "building", hint: "select * from pg_stat_progress_create_index;" },
      ]);
    } finally {
      await db.query("select pg_advisory_unlock_all()");
    }
  });
});

describe("an error", () => {
  const ERROR = { code: "53100", message: "disk full", detail: null, hint: null };

  test("that may pass is shown and retried after a while", async () => {
    const stream = await liveStream();
    await noteStep(db, stream, await nextStep(db, stream), ERROR);
    expect(await shownIndexes(db)).toMatchObject([
      {
        state: "waiting",
        error_code: "53100",
        error: "disk full",
        hint: "Retried automatically: select * from ampsync.indexes;",
      },
    ]);
    expect(await nextStep(db, stream)).toBeNull();
    expect(await waitingJobs(db, "ampsync_index:%")).toHaveLength(1);
    await moveClock(db, "15 seconds");
    expect(await buildIndexes(db, stream)).toHaveLength(1);
    expect(await shownIndexes(db)).toMatchObject([{ state: "valid", error: null }]);
  });

  test("that another attempt would repeat stays until the dataset is enqueued again", async () => {
    const stream = await liveStream();
    await noteStep(db, stream, await nextStep(db, stream), { ...ERROR, code: "42501" }, true);
    await moveClock(db, "1 day");
    expect(await nextStep(db, stream)).toBeNull();
    const [row] = await shownIndexes(db);
    expect(row).toMatchObject({ state: "failed", hint: "select ampsync.enqueue_sync('chain');" });
    await db.query(row!.hint!);
    expect(await buildIndexes(db, stream)).toHaveLength(1);
  });

  test("of one index leaves the others to be built", async () => {
    const stream = await liveStream();
    await db.query(`select ampsync.enqueue_sync('chain', indexes => '{"blocks": [["note"]]}')`);
    await noteStep(db, stream, await nextStep(db, stream), ERROR);
    expect(await buildIndexes(db, stream)).toEqual([
      "create index concurrently blocks_note_idx on chain.blocks using btree (note)",
    ]);
  });

  test("of an index that is no longer wanted is nobody's", async () => {
    const stream = await liveStream();
    const step = await nextStep(db, stream);
    await db.query("select ampsync.enqueue_sync('chain', block_index => 'none')");
    await noteStep(db, stream, step, ERROR);
    expect(await shownIndexes(db)).toEqual([]);
  });
});
