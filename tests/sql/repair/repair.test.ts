import { beforeAll, beforeEach, describe, expect, test } from "vitest";

import { findings, LinkedChain } from "../../support/chain/linked-chain.ts";
import { moveClock } from "../../support/postgres/clock.ts";
import { journaled, journaledDetails } from "../../support/postgres/journal.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { hashOf, SqlStream, waitingJobs, watermark } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();
let loaded: LinkedChain;
let chain: LinkedChain;

/** 300 blocks, of which the history holds 140 and above. */
beforeAll(async () => {
  loaded = await LinkedChain.loaded(db, 0, 299, { step: 10 });
  expect((await loaded.logs.history())[0]).toBe("140-149");
});
beforeEach(async () => {
  chain = await loaded.again();
});

const repair = (table: string, from: number | null, to: number | null, acceptFewer = false) =>
  db.query("select ampsync.repair('chain', $1, $2, $3, accept_fewer => $4)", [table, from, to, acceptFewer]);

async function waiting(): Promise<string[]> {
  const { rows } = await db.query("select * from ampsync_private.repair r order by r.first_block");
  return rows.map((row) => `${row["first_block"]}-${row["last_block"]}`);
}

async function next(stream: SqlStream) {
  const { rows } = await db.query("select * from ampsync_worker.next_repair($1, $2)", [
    stream.id,
    stream.epoch,
  ]);
  return rows[0];
}

async function held(stream: SqlStream): Promise<SqlStream> {
  await stream.acquire();
  return stream;
}

const begin = (stream: SqlStream, from: number, to: number, epoch = stream.epoch) =>
  db.query("call ampsync_worker.begin_repair($1, $2, $3, $4)", [stream.id, epoch, from, to]);

const commit = (stream: SqlStream, from: number, to: number, ownHash: Buffer | null, rows: number) =>
  db.query("call ampsync_worker.commit_repair($1, $2, $3, $4, $5, $6)", [
    stream.id,
    stream.epoch,
    from,
    to,
    ownHash,
    rows,
  ]);

const bytesOf = (block: number, fork = "a") => Buffer.from(hashOf(block, fork).slice(2), "hex");

describe("a repair is refused", () => {
  test.each<[string, number | null, number | null]>([
    ["above the checkpoint", 290, 300],
    ["that ends before it begins", 20, 10],
    ["without a beginning", null, 10],
    ["without an end", 10, null],
  ])("%s", async (_, from, to) => {
    expect(await refusal(db, () => repair("logs", from, to))).toMatchObject({
      code: "SY004",
      detail: "It holds blocks 0 to 299.",
      hint: "select * from ampsync.verify('chain', 'logs');",
    });
  });

  test("below the first block, or before anything was loaded", async () => {
    const late = await SqlStream.prepare(db, { dataset: "late" });
    const ask = () => db.query("select ampsync.repair('late', 'blocks', 9, 9)");
    expect(await refusal(db, ask)).toMatchObject({ code: "SY004" });
    await late.apply(10, 10);
    expect(await refusal(db, ask)).toMatchObject({ code: "SY004", detail: "It holds blocks 10 to 10." });
  });

  test("for a table that has a query, whatever the range", async () => {
    await db.query("update ampsync_private.stream set query = 'select 1' where stream_id = $1", [
      chain.logs.id,
    ]);
    for (const to of [39, 399]) {
      expect(await refusal(db, () => repair("logs", 30, to))).toMatchObject({
        code: "SY004",
        detail: "It has a query, to which no condition is added, so that rows cannot be requested by block.",
        hint: "select ampsync.resync('chain', 'logs');",
      });
    }
  });

  test("for a table that is not synced", async () => {
    expect(await refusal(db, () => repair("receipts", 1, 2))).toMatchObject({ code: "SY003" });
  });

  test("where rows do not know their own block", async () => {
    const view = await SqlStream.prepare(db, { dataset: "view", hasBlockNum: false });
    await view.apply(0, 9);
    const ask = () => db.query("select ampsync.repair('view', 'blocks', 0, 9)");
    expect(await refusal(db, ask)).toMatchObject({
      code: "SY004",
      hint: "select ampsync.resync('view', 'blocks');",
    });
  });

  test("of blocks that a reorg may replace, where rows carry no hash", async () => {
    const columns = [{ name: "note", type: "text", not_null: false }];
    const plain = await SqlStream.prepare(db, { dataset: "plain", columns });
    for (let start = 0; start < 300; start += 10) {
      await plain.beginApply();
      await plain.commitApply([watermark(start, start + 9)], 0);
    }
    const ask = (to: number) => db.query("select ampsync.repair('plain', 'blocks', 100, $1)", [to]);
    expect(await refusal(db, () => ask(140))).toMatchObject({
      code: "SY004",
      hint: expect.stringMatching(/^Wait .* select ampsync.resync\('plain', 'blocks'\);$/),
    });
    await ask(139);
  });
});

describe("a repair", () => {
  test("waits for the next pass, once, and grows when more is asked for", async () => {
    await repair("logs", 30, 39);
    await repair("logs", 30, 39);
    await repair("logs", 50, 59);
    await repair("logs", 30, 45);
    expect(await waiting()).toEqual(["30-45", "50-59"]);
    expect(await next(chain.blocks)).toBeUndefined();
    expect(await next(chain.logs)).toEqual({
      first_block: "30",
      last_block: "45",
      own_hash: bytesOf(45),
      newest_row: "299",
    });
  });

  test("ends the pass under way by its heartbeat, and queues one where none is", async () => {
    await db.query("select graphile_worker.complete_jobs(array_agg(j.id)) from graphile_worker.jobs j");
    await repair("logs", 30, 39);
    const { rows } = await db.query("select * from ampsync_worker.renew_leases('worker-1', $1) order by 1", [
      JSON.stringify(
        [chain.blocks, chain.logs].map(({ id, epoch }) => ({ stream_id: id, epoch, head: null })),
      ),
    ]);
    expect(rows.map((row) => row["verdict"])).toEqual(["keep", "yield"]);

    await db.query("select ampsync_worker.end_pass($1, $2, 'ended', $3)", [
      chain.blocks.id,
      chain.blocks.epoch,
      { code: "SY104", message: "it broke" },
    ]);
    await db.query("update graphile_worker._private_jobs set run_at = run_at + interval '1 hour'");
    await repair("blocks", 30, 39);
    const [job] = await waitingJobs(db, `ampsync_stream:${chain.blocks.id}`);
    expect(job.due_in_s).toBeLessThan(1);
  });

  test("replaces exactly its blocks, and verify finds nothing afterwards", async () => {
    await db.query("delete from chain.logs where _block_num = 34 and log_index = 2");
    await db.query(
      "update chain.logs set _id = substr(_id, 1, 6) || '\\x00112233445566778899' where _block_num = 36 and log_index = 1",
    );
    await repair("logs", 34, 36);
    await begin(chain.logs, 34, 36);
    expect((await db.query("select count(*)::int as n from chain.logs")).rows).toEqual([{ n: 891 }]);
    await chain.insert("logs", 34, 36);
    await commit(chain.logs, 34, 36, null, 9);
    expect(await findings(db)).toEqual([]);
    expect(await waiting()).toEqual([]);
    expect(await chain.logs.view()).toMatchObject({ rows: "901", block: "299", rewrites: "0" });

    expect(await journaledDetails(db, "repaired")).toEqual([
      { from_block: 34, to_block: 36, rows_before: 8, rows_after: 9 },
    ]);
  });

  test("does not take other damage in its ledger entry for what must be there", async () => {
    await db.query("delete from chain.logs where _block_num in (34, 37)");
    await repair("logs", 34, 34);
    await begin(chain.logs, 34, 34);
    await chain.insert("logs", 34, 34);
    await commit(chain.logs, 34, 34, null, 3);
    expect(await findings(db)).toEqual(["logs: missing rows 0-129"]);
  });

  test("of part of a sound ledger entry brings rows that were rejected before, and verify agrees", async () => {
    await db.query("delete from chain.logs where _block_num = 34 and log_index = 2"); // As if it was never there.
    await db.query("select ampsync_private.record_blocks($1, 0, 129)", [chain.logs.id]);
    expect(await findings(db)).toEqual([]);
    await repair("logs", 34, 34);
    await begin(chain.logs, 34, 34);
    await chain.insert("logs", 34, 34);
    await commit(chain.logs, 34, 34, null, 3);
    expect(await findings(db)).toEqual([]);
    await db.query("delete from chain.logs where _block_num = 37");
    expect(await findings(db)).toEqual(["logs: missing rows 35-129"]);
  });

  test("records what the server holds now for ledger entries that it covers, and for blocks without one", async () => {
    await db.query("delete from ampsync_private.ledger where stream_id = $1 and first_block = 0", [
      chain.logs.id,
    ]);
    expect(await findings(db)).toEqual(["logs: ledger gap 0-129"]);
    await repair("logs", 100, 139, true);
    await begin(chain.logs, 100, 139);
    await chain.insert("logs", 100, 138); // Block 139 has no logs any more.
    await commit(chain.logs, 100, 139, null, 117);
    expect(await findings(db)).toEqual(["logs: ledger gap 0-99"]);
  });

  test("is not believed where the server has fewer rows than were loaded, unless somebody says that it is right", async () => {
    for (const [last, rows] of [
      [null, 0],
      [135, 18],
      [138, 27],
    ] as const) {
      await repair("logs", 130, 139);
      await begin(chain.logs, 130, 139);
      if (last !== null) await chain.insert("logs", 130, last);
      const error = await refusal(db, () => commit(chain.logs, 130, 139, null, rows));
      expect(error).toMatchObject({
        code: "SY101",
        message: `with what the server sent, blocks 130 to 139 would have ${rows} rows, and 30 were loaded`,
        detail: `It sent ${rows} rows for blocks 130 to 139. Nothing was written; the rows stay as they were.`,
        hint: "select ampsync.repair('chain', 'logs', 130, 139, accept_fewer => true); -- only if the server is right",
      });
      await db.query(error.hint!);
      await commit(chain.logs, 130, 139, null, rows);
      expect(await findings(db)).toEqual([]);

      await repair("logs", 130, 139);
      await begin(chain.logs, 130, 139);
      await chain.insert("logs", 130, 139);
      await commit(chain.logs, 130, 139, null, 30);
    }
  });

  test("is not believed where the server has fewer rows of one block of a sound ledger entry", async () => {
    await repair("logs", 34, 34);
    await begin(chain.logs, 34, 34);
    expect(await refusal(db, () => commit(chain.logs, 34, 34, null, 0))).toMatchObject({
      code: "SY101",
      message: "with what the server sent, blocks 34 to 34 would have 0 rows, and 3 were loaded",
    });
    await chain.insert("logs", 34, 34);
    await commit(chain.logs, 34, 34, null, 3);
    expect(await findings(db)).toEqual([]);
  });

  test("is not believed where the server sends nothing, and only rows that are too many elsewhere make up for it", async () => {
    await db.query(
      "update chain.logs set _id = substr(_id, 1, 6) || '\\x00112233445566778899' where _block_num = 36 and log_index = 1",
    );
    await chain.insert("logs", 34, 34, "b"); // As many as block 34 has.
    await db.query(
      `update chain.logs set _id = ampsync_private.block_prefix(50) || substr(_id, 7), _block_num = 50
        where _block_num = 34 and block_hash = $1`,
      [bytesOf(34, "b")],
    );
    await repair("logs", 34, 34);
    await begin(chain.logs, 34, 34);
    expect(await refusal(db, () => commit(chain.logs, 34, 34, null, 0))).toMatchObject({
      code: "SY101",
      message: "with what the server sent, blocks 0 to 129 would have 390 rows, and 390 were loaded",
    });
  });

  test("is not believed where rows go from a part of blocks that lack some already", async () => {
    await db.query("delete from chain.logs where _block_num in (36, 37)"); // The entry of blocks 0 to 129.
    await repair("logs", 34, 36);
    await begin(chain.logs, 34, 36);
    await chain.insert("logs", 34, 34);
    expect(await refusal(db, () => commit(chain.logs, 34, 36, null, 3))).toMatchObject({
      code: "SY101",
      message: "with what the server sent, blocks 0 to 129 would have 381 rows, and 390 were loaded",
    });
    await chain.insert("logs", 35, 36);
    await commit(chain.logs, 34, 36, null, 9);
    expect(await findings(db)).toEqual(["logs: missing rows 0-129"]);
  });

  test("counts rows that were rejected as sent", async () => {
    await repair("logs", 130, 139);
    await begin(chain.logs, 130, 139);
    await chain.insert("logs", 130, 138);
    const rejected = [1, 2, 3].map((row) => ({
      block: 139,
      row,
      column: null,
      sqlstate: "22P02",
      reason: "it does not fit",
      values: null,
    }));
    await db.query("call ampsync_worker.commit_repair($1, $2, 130, 139, null, 27, $3)", [
      chain.logs.id,
      chain.logs.epoch,
      JSON.stringify({ rejected, nulled: [], nuls: [] }),
    ]);
    expect(await findings(db)).toEqual([]);
  });

  describe("of blocks that no reorg replaces any more", () => {
    test("must bring the last block's hash where that block had rows, and the table of blocks has the word", async () => {
      await db.query("update chain.logs set block_hash = sha256('') where _block_num = 39");
      await repair("logs", 30, 39, true);
      expect(await next(chain.logs)).toMatchObject({ own_hash: bytesOf(39) });
      await begin(chain.logs, 30, 39);
      await chain.insert("logs", 30, 38);
      expect(await refusal(db, () => commit(chain.logs, 30, 39, bytesOf(39), 27))).toMatchObject({
        code: "SY101",
        message: "what the server sent for block 39 does not have the hash that is held here",
      });
      await chain.insert("logs", 39, 39, "b");
      expect(await refusal(db, () => commit(chain.logs, 30, 39, bytesOf(39), 30))).toMatchObject({
        code: "SY101",
      });
      await db.query("delete from chain.logs where _block_num = 39");
      await chain.insert("logs", 39, 39);
      await commit(chain.logs, 30, 39, bytesOf(39), 30);
      expect(await findings(db)).toEqual([]);
    });

    test("must bring the hash that the block after names as its parent, in a table of blocks", async () => {
      await db.query("delete from chain.blocks where _block_num = 39");
      await repair("blocks", 30, 39);
      expect(await next(chain.blocks)).toMatchObject({ own_hash: bytesOf(39) });
    });

    test("must bring the last block in a table of blocks even if nothing here tells its hash", async () => {
      await db.query("delete from chain.blocks where _block_num in (39, 40)");
      await repair("blocks", 30, 39, true);
      expect(await next(chain.blocks)).toMatchObject({ own_hash: null });
      await begin(chain.blocks, 30, 39);
      await chain.insert("blocks", 30, 38);
      expect(await refusal(db, () => commit(chain.blocks, 30, 39, null, 9))).toMatchObject({ code: "SY101" });
      await chain.insert("blocks", 39, 39);
      await commit(chain.blocks, 30, 39, null, 10);
    });

    test("is done without the last block where its row was rejected", async () => {
      await repair("blocks", 30, 39);
      await begin(chain.blocks, 30, 39);
      await chain.insert("blocks", 30, 38);
      const rejected = [{ block: 39, row: 0, column: null, sqlstate: "22P02", reason: "no", values: null }];
      await db.query("call ampsync_worker.commit_repair($1, $2, 30, 39, $3, 9, $4)", [
        chain.blocks.id,
        chain.blocks.epoch,
        bytesOf(39),
        JSON.stringify({ rejected, nulled: [], nuls: [] }),
      ]);
      expect(await waiting()).toEqual([]);
    });

    test("asks for no hash of a last block that had no rows", async () => {
      await db.query("delete from chain.logs where _block_num = 39");
      await repair("logs", 30, 39);
      expect(await next(chain.logs)).toMatchObject({ own_hash: null });
    });
  });

  test("takes a row away from a block that has none", async () => {
    const stream = await SqlStream.prepare(db, { dataset: "sparse" });
    for (let start = 0; start < 300; start += 10) await stream.apply(start, start + 9);
    await db.query("delete from sparse.blocks where _block_num = 34");
    await db.query("delete from ampsync_private.ledger where stream_id = $1 and first_block = 0", [
      stream.id,
    ]);
    await db.query("select ampsync_private.record_blocks($1, 0, 129)", [stream.id]);
    await stream.insert(34, 34, "z");
    expect(await findings(db, null, "sparse")).toEqual(["blocks: extra rows 34-34"]);

    await db.query("select ampsync.repair('sparse', 'blocks', 34, 34)");
    await begin(stream, 34, 34);
    await commit(stream, 34, 34, null, 0);
    expect(await findings(db, null, "sparse")).toEqual([]);
  });

  test("of another epoch, or that is not asked for any more, changes nothing", async () => {
    await repair("logs", 30, 39);
    expect(await refusal(db, () => begin(chain.logs, 30, 39, "7"))).toMatchObject({ code: "SY001" });
    expect(await refusal(db, () => begin(chain.logs, 30, 38))).toMatchObject({ code: "SY003" });
    expect(await next({ ...chain.logs, id: chain.logs.id, epoch: "7" } as SqlStream)).toBeUndefined();
    await begin(chain.logs, 30, 39);
    await chain.insert("logs", 30, 39);
    await db.query("update ampsync_private.lease set epoch = epoch + 1");
    expect(await refusal(db, () => commit(chain.logs, 30, 39, bytesOf(39), 30))).toMatchObject({
      code: "SY001",
    });
  });

  test("is shown until it is done: waiting, deferred with the reason, or halted with its table", async () => {
    const shown = async () => (await db.query("select * from ampsync.repairs order by from_block")).rows;
    await repair("logs", 30, 39);
    await repair("logs", 50, 59);
    expect(await shown()).toMatchObject([
      {
        dataset: "chain",
        table_name: "logs",
        from_block: "30",
        to_block: "39",
        state: "waiting",
        reason: null,
      },
      { from_block: "50", to_block: "59", state: "waiting", hint: null },
    ]);
    await db.query("select ampsync_worker.defer_repair($1, $2, 30, $3)", [
      chain.logs.id,
      chain.logs.epoch,
      { code: "SY104", message: "no bytes", hint: "wait" },
    ]);
    const [deferred] = await shown();
    expect(deferred).toMatchObject({
      state: "deferred",
      error_code: "SY104",
      reason: "no bytes",
      hint: "wait",
    });
    expect(deferred!["next_try"] - deferred!["requested_at"]).toBeGreaterThanOrEqual(60_000);

    await db.query("select ampsync.pause_sync('chain')");
    expect(await shown()).toMatchObject([
      {
        state: "halted",
        next_try: null,
        reason: "the table is paused",
        hint: "select ampsync.resume_sync('chain');",
      },
      { state: "halted" },
    ]);
    await db.query("select ampsync.resume_sync('chain')");
    await repair("logs", 30, 39);
    expect((await shown())[0]).toMatchObject({ state: "waiting", reason: null, error_code: null });
    await begin(await held(chain.logs), 30, 39);
    await chain.insert("logs", 30, 39);
    await commit(chain.logs, 30, 39, null, 30);
    expect(await shown()).toMatchObject([{ from_block: "50" }]);
  });

  test("can be taken back before it is done", async () => {
    await repair("logs", 30, 39);
    await repair("logs", 50, 59);
    await repair("blocks", 50, 59);
    const { rows } = await db.query("select * from ampsync.cancel_repair('chain', 'logs')");
    expect(rows).toEqual([
      { table_name: "logs", from_block: "30", to_block: "39" },
      { table_name: "logs", from_block: "50", to_block: "59" },
    ]);
    expect(await refusal(db, () => begin(chain.logs, 30, 39))).toMatchObject({
      code: "SY003",
      message: "the repair of blocks 30 to 39 is no longer requested",
    });
    expect(await next(chain.logs)).toBeUndefined();
    expect((await db.query("select from ampsync.cancel_repair('chain')")).rowCount).toBe(1);
    expect((await db.query("select from ampsync.cancel_repair('chain')")).rowCount).toBe(0);
    expect(await journaled(db, "repair_cancelled")).toHaveLength(3);
  });

  test("that is put off is due again after a minute, and says why in the journal", async () => {
    await repair("logs", 30, 39);
    await db.query("select ampsync_worker.defer_repair($1, $2, 30, $3)", [
      chain.logs.id,
      chain.logs.epoch,
      { code: "SY104", message: "no bytes" },
    ]);
    expect(await next(chain.logs)).toBeUndefined();
    expect(await journaledDetails(db, "repair_deferred")).toEqual([
      { code: "SY104", message: "no bytes", from_block: 30, to_block: 39 },
    ]);
    await moveClock(db, "61 s");
    expect(await next(chain.logs)).toMatchObject({ first_block: "30" });
  });
});

describe("a repair of blocks that a reorg may replace", () => {
  test("must bring the hash of the history, where it ends with a microbatch", async () => {
    await db.query("delete from chain.logs where _block_num = 279");
    await repair("logs", 270, 279);
    expect(await next(chain.logs)).toMatchObject({ own_hash: bytesOf(279) });

    await begin(chain.logs, 270, 279);
    await chain.insert("logs", 270, 279, "b");
    expect(await refusal(db, () => commit(chain.logs, 270, 279, bytesOf(279), 30))).toMatchObject({
      code: "SY101",
      message: expect.stringContaining("block 279"),
    });
    await db.query("delete from chain.logs where _block_num between 270 and 279");
    await chain.insert("logs", 270, 279);
    await commit(chain.logs, 270, 279, bytesOf(279), 30);
    expect(await findings(db)).toEqual([]);
  });

  test("is refused where all of it is another chain's, and the last block's row was rejected", async () => {
    const stream = await held(chain.blocks);
    await repair("blocks", 0, 299);
    await begin(stream, 0, 299);
    await chain.insert("blocks", 0, 298, "b");
    const rejected = JSON.stringify({
      rejected: [{ block: 299, row: 0, sqlstate: "SY203", reason: "bad" }],
      nulled: [],
      nuls: [],
    });
    const end = () =>
      db.query("call ampsync_worker.commit_repair($1, $2, 0, 299, $3, 299, $4)", [
        stream.id,
        stream.epoch,
        bytesOf(299),
        rejected,
      ]);
    expect(await refusal(db, end)).toMatchObject({
      code: "SY101",
      message: expect.stringContaining("does not have the hash"),
    });
  });

  test("is refused where the last block is not in the answer, even if fewer rows are accepted", async () => {
    await repair("logs", 290, 299, true);
    expect(await next(chain.logs)).toMatchObject({ own_hash: bytesOf(299) });
    await begin(chain.logs, 290, 299);
    await chain.insert("logs", 290, 298);
    expect(await refusal(db, () => commit(chain.logs, 290, 299, bytesOf(299), 27))).toMatchObject({
      code: "SY101",
      message: "what the server sent for block 299 does not have the hash that is held here",
    });
  });

  test("goes by its own rows elsewhere, or by the parent hash in the block after", async () => {
    await repair("logs", 275, 275);
    expect(await next(chain.logs)).toMatchObject({ own_hash: bytesOf(275) });
    await db.query("delete from chain.blocks where _block_num = 275");
    await repair("blocks", 275, 275);
    expect(await next(chain.blocks)).toMatchObject({ own_hash: bytesOf(275) });
  });

  test("is put off while nothing tells the hash, from the history's first block on, until the history has left it behind", async () => {
    await db.query("delete from chain.logs where _block_num = 140");
    await repair("logs", 140, 140);
    expect(await next(chain.logs)).toBeUndefined();
    expect(await journaledDetails(db, "repair_deferred")).toMatchObject([
      { code: "SY101", from_block: 140, to_block: 140 },
    ]);

    await chain.load(300, 450, { step: 10 });
    await moveClock(db, "61 s");
    await chain.logs.acquire();
    expect(await next(chain.logs)).toMatchObject({ first_block: "140", last_block: "140", own_hash: null });
  });

  test("is put off while a reorg took them away", async () => {
    await repair("logs", 290, 299);
    await chain.reorg(285, 286, "b", "a");
    expect(await next(chain.logs)).toBeUndefined();
  });
});
