// Takes 42 s.
import { readFileSync } from "node:fs";

import { status } from "@grpc/grpc-js";
import { Field, Schema, Uint64, Utf8 } from "apache-arrow";
import { describe, expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { FALSE_METADATA } from "../support/chain/false-metadata.ts";
import { TableSource } from "../support/chain/table-source.ts";
import { ChainWatch } from "../support/watch/chain-watch.ts";
import { Scenario } from "../support/worker/scenario.ts";
import { sharedScenario } from "../support/worker/shared-scenario.ts";
import type { Sync } from "../support/worker/sync.ts";

const LOGS_PER_BLOCK = 6;
const BLOCK_NUM = new Field("_block_num", new Uint64(), false);
const UNAVAILABLE = { code: status.UNAVAILABLE, details: "broken off by a test" };

const scenario = sharedScenario({ maxBlocksPerMicrobatch: 10 });

function chainOf(blocks: number, options: { readonly seed?: number; readonly network?: string } = {}) {
  return new GeneratedSource({ blocks, logsPerBlock: LOGS_PER_BLOCK, ...options });
}

async function rowsIn(sync: Sync): Promise<number> {
  const { rows } = await scenario.db.query(`select count(*)::int as n from ${sync.schema}.${sync.tables[0]}`);
  return rows[0]!["n"];
}

test("equal rows at the same place of two record batches, and twice in one, are all stored", async () => {
  // Batches of two: each block has two equal rows in its first batch, and two more in its second.
  const schema = new Schema([BLOCK_NUM, new Field("note", new Utf8(), false)]);
  const source = new TableSource("notes", schema, (block) => Array(4).fill([block, "the same"]), {
    blocks: 25,
  });
  scenario.misbehaviour.rowsPerBatch = 2;
  const sync = await scenario.follow(source, ["notes"]);
  await sync.catchesUp();
  const { rows } = await scenario.db.query(
    `select count(*)::int as rows, count(distinct _block_num)::int as blocks, count(distinct _id)::int as ids
       from ${sync.schema}.notes`,
  );
  expect(rows).toEqual([{ rows: 100, blocks: 25, ids: 100 }]);
  await sync.expectSourceRows();
});

test("keep-alives and unfinished microbatches never move a checkpoint", async () => {
  // The stream breaks off in its first microbatch, after keep-alives and some rows …
  Object.assign(scenario.misbehaviour, {
    keepAlives: 3,
    rowsPerBatch: 10,
    breaks: { after: 20, unit: "rows", how: UNAVAILABLE },
  });
  const sync = await scenario.follow(chainOf(30));
  expect(await sync.until("the stream to break off", ({ state }) => state === "retrying")).toMatchObject({
    block: -1,
    rows: 0,
  });
  expect(await rowsIn(sync)).toBe(0);

  // … and in its second one, whose rows had all been sent.
  scenario.misbehaviour.breaks = { after: 120, unit: "rows", how: UNAVAILABLE };
  await scenario.hurry();
  expect(
    await sync.until("a checkpoint", ({ state, block }) => state === "retrying" && block >= 0),
  ).toMatchObject({
    block: 9,
    rows: 60,
  });
  expect(await rowsIn(sync)).toBe(60);

  scenario.misbehaviour.breaks = null;
  await sync.catchesUp();
  await sync.expectSourceRows();
});

test("an unfinished microbatch that another one replaces leaves nothing", async () => {
  scenario.misbehaviour.interrupts = true;
  const source = chainOf(35);
  const sync = await scenario.follow(source);
  await sync.catchesUp();
  source.reorg(4, 6);
  await sync.catchesUp();
  await sync.expectSourceRows();
});

describe("a reorg into the middle of a stored microbatch heals unattended, without a hole", () => {
  test.each([
    ["split exactly at the fork", {}],
    ["replaced from the microbatch's first block, where parent hashes are unknown", { noPrevHash: true }],
  ])("%s", async (_, faults) => {
    Object.assign(scenario.misbehaviour, faults);
    const source = chainOf(30);
    const sync = await scenario.follow(source);
    await sync.catchesUp();
    await using watch = new ChainWatch(await scenario.db.client(), sync.schema, source, {
      logs: LOGS_PER_BLOCK,
    });
    watch.remember();
    watch.poll();
    source.reorg(4, 9); // Blocks 26 to 29 of 20 to 29.
    watch.remember();
    await sync.catchesUp();
    await watch.look();
    expect(watch.faults).toEqual([]);
    await sync.expectSourceRows();
  });
});

describe("an answer without a range is not stored, and the stream starts when there is data", () => {
  test.each(["2026", "2025-11"] as const)("of a server of %s", async (generation) => {
    Object.assign(scenario.misbehaviour, { generation, noData: true });
    const sync = await scenario.follow(chainOf(30));
    await sync.until("two empty answers", async ({ attempts }) => {
      await scenario.hurry();
      return attempts >= 2;
    });
    const { rows } = await scenario.db.query(
      "select count(*)::int as entries from ampsync.checkpoints where target_schema = $1 and watermark_block_num is not null",
      [sync.schema],
    );
    expect(rows).toEqual([{ entries: 0 }]);
    expect(await rowsIn(sync)).toBe(0);

    scenario.misbehaviour.noData = false;
    await sync.catchesUp();
    await sync.expectSourceRows();
  });
});

test("nothing is stored past a gap, it is visible, and the stream recovers", async () => {
  const source = chainOf(30);
  const sync = await scenario.follow(source);
  await sync.catchesUp();
  scenario.misbehaviour.falseMetadata = FALSE_METADATA.gap;
  source.mine(5);
  const seen = await sync.until("the gap to be seen", ({ state }) => state === "retrying");
  expect(seen).toMatchObject({
    code: "SY101",
    detail: expect.stringContaining("block 30 is next"),
    block: 29,
  });
  expect(await rowsIn(sync)).toBe(30 * LOGS_PER_BLOCK);

  scenario.misbehaviour.falseMetadata = null;
  await sync.catchesUp();
  await sync.until("a healthy stream", ({ state, code }) => state === "live" && code === null);
  await sync.expectSourceRows();
});

test("false metadata of any kind stores nothing, and the stream goes on when it ends", async () => {
  const kinds = Object.keys(FALSE_METADATA) as (keyof typeof FALSE_METADATA)[]; // Its keys.
  const seen = new Map<string, number>();
  scenario.misbehaviour.falseMetadata = (truth) => {
    const network = truth.ranges[0]!.network;
    const kind = kinds.find((each) => `net_${each}`.toLowerCase() === network)!;
    if (truth.ranges[0]!.numbers.start < 10 || kind === undefined) return truth;
    seen.set(kind, (seen.get(kind) ?? 0) + 1);
    return FALSE_METADATA[kind](truth);
  };
  // One stream for each kind, all at once; each is told the truth up to block 9.
  const sources = kinds.map((kind, seed) => chainOf(20, { seed, network: `net_${kind}`.toLowerCase() }));
  const syncs: Sync[] = [];
  for (const source of sources) syncs.push(await scenario.follow(source));
  await scenario.until("each kind of false metadata", async () =>
    kinds.every((kind) => (seen.get(kind) ?? 0) > 0),
  );
  for (const [at, sync] of syncs.entries()) {
    const { block } = await sync.until("its first microbatch", (stream) => stream.block >= 9);
    // A wrong hash of the last block is found out by the next range only.
    expect({ kind: kinds[at], block }).toEqual({
      kind: kinds[at],
      block: kinds[at] === "wrongHash" ? 19 : 9,
    });
  }
  scenario.misbehaviour.falseMetadata = null;
  for (const source of sources) source.mine();
  for (const sync of syncs) await sync.catchesUp();
  for (const sync of syncs) await sync.expectSourceRows();
});

test("batches of 60,000 rows are accepted", async () => {
  scenario.misbehaviour.rowsPerBatch = 60_000;
  const source = new GeneratedSource({ blocks: 10, logsPerBlock: 12_000 });
  const sync = await scenario.follow(source);
  await sync.catchesUp();
  await sync.expectBlocks("logs", 12_000);
});

test("a microbatch of 150 MB is accepted, in less than 300 MiB of memory", async () => {
  const source = new GeneratedSource({ blocks: 10, logsPerBlock: 46_000 });
  await using own = await Scenario.start();
  own.startWorker();
  const sync = await own.follow(source);
  await sync.catchesUp({ deadlineMs: 60_000 });
  await sync.expectBlocks("logs", 46_000);
  const [, peak] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${own.worker.pid}/status`, "utf8"))!;
  expect(Number(peak) / 1024).toBeLessThan(300);
});

test("a stream goes on from its latest checkpoint, not from the one its pass began with", async () => {
  const starts: number[] = [];
  scenario.misbehaviour.falseMetadata = (truth) => {
    if (truth.ranges_complete) starts.push(truth.ranges[0]!.numbers.start);
    return truth;
  };
  const source = chainOf(30);
  const sync = await scenario.follow(source);
  await sync.catchesUp();
  for (let i = 0; i < 3; i++) {
    source.mine();
    await sync.catchesUp();
  }
  scenario.server.disconnectAll();
  source.mine();
  await sync.catchesUp();
  expect(starts).toEqual([0, 10, 20, 30, 31, 32, 33]);
  await sync.expectSourceRows();
});

describe("a column of the server that is named like one of ours is refused, not dropped", () => {
  test.each(["_id", "_block_num_end", "_tx_id"])("%s", async (name) => {
    const schema = new Schema([BLOCK_NUM, new Field(name, new Utf8(), false)]);
    const sync = await scenario.follow(
      new TableSource("odd", schema, (block) => [[block, "x"]], { blocks: 3 }),
      ["odd"],
    );
    const { code, reason, hint } = await sync.until("the refusal", ({ state }) => state === "failed");
    expect({ code, reason, isHinted: hint !== null }).toEqual({
      code: "SY202",
      reason: expect.stringContaining(name),
      isHinted: true,
    });
    const { rows } = await scenario.db.query("select to_regclass($1) as target", [`${sync.schema}.odd`]);
    expect(rows).toEqual([{ target: null }]);
  });
});

describe("a query that is refused never leaves a partly filled table that counts as live", () => {
  const details = "query contains non-incremental operation: Limit";
  test.each([
    ["at once", 0, 0],
    ["in its first microbatch", 2, 0],
    ["in its second one", 8, 60],
  ])("%s", async (_, after, rows) => {
    Object.assign(scenario.misbehaviour, {
      rowsPerBatch: 20,
      breaks: { after, unit: "messages", how: { code: status.INVALID_ARGUMENT, details } },
    });
    const sync = await scenario.follow(chainOf(30));
    const seen = await sync.until("the refusal", ({ state }) => state === "failed");
    expect(seen).toMatchObject({ code: "SY004", detail: expect.stringContaining("Limit"), rows });
    expect(await rowsIn(sync)).toBe(rows);
    expect(await sync.events("live")).toBe(0);
  });
});

test("messages of 5 MB pass; one above the limit names the setting, and the stream heals", async () => {
  const source = new GeneratedSource({ blocks: 10, logsPerBlock: 11_000 });
  scenario.misbehaviour.rowsPerBatch = 15_000;
  const sync = await scenario.follow(source);
  await sync.catchesUp();

  scenario.misbehaviour.rowsPerBatch = 120_000; // 36 MB; the limit is 32 MiB.
  source.mine(10);
  expect(await sync.until("the refusal", ({ state }) => state === "failed")).toMatchObject({
    code: "SY106",
    hint: expect.stringContaining("AMPSYNC_GRPC_MAX_DECODE_MB"),
    block: 9,
  });
  scenario.misbehaviour.rowsPerBatch = null;
  await scenario.db.query("select ampsync.resume_sync($1)", [sync.dataset]);
  await sync.catchesUp();
  await sync.expectBlocks("logs", 11_000);
});
