import { status } from "@grpc/grpc-js";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { fingerprint } from "../support/postgres/tables.ts";
import { ChainWatch } from "../support/watch/chain-watch.ts";
import { Lab, type Sync } from "../support/worker/lab.ts";

const LOGS_PER_BLOCK = 5;

let lab: Lab;

beforeAll(async () => {
  lab = await Lab.start({ maxBlocksPerMicrobatch: 10 });
});
afterEach(() => lab.reset());
afterAll(() => lab[Symbol.asyncDispose]());

function chainOf(blocks: number, network = "devnet") {
  return new GeneratedSource({ blocks, logsPerBlock: LOGS_PER_BLOCK, network });
}

async function loaded(source: GeneratedSource, tables?: readonly string[]): Promise<Sync> {
  const sync = await lab.sync(source, tables);
  await sync.reaches();
  return sync;
}

/** Streams are cut off, and fail to open, until the fault is taken back. */
function disconnect(): void {
  lab.misbehaviour.breaks = {
    after: 0,
    unit: "messages",
    how: { code: status.UNAVAILABLE, details: "gone" },
  };
  lab.server.disconnectAll();
}

/** First blocks of the ranges that the server sends from here on. */
function watchRanges(): readonly number[] {
  const starts: number[] = [];
  lab.misbehaviour.falseMetadata = (truth) => {
    if (truth.ranges_complete) starts.push(truth.ranges[0]!.numbers.start);
    return truth;
  };
  return starts;
}

test("a reconnect with other microbatch borders leaves every row once", async () => {
  const source = chainOf(60);
  const broken = { code: status.UNAVAILABLE, details: "broken off by a test" };
  Object.assign(lab.misbehaviour, {
    blocksPerMicrobatch: 7,
    rowsPerBatch: 10,
    breaks: { after: 100, unit: "rows", how: broken },
  });
  const sync = await lab.sync(source);
  const first = await sync.until("the first break", ({ state }) => state === "retrying");
  lab.misbehaviour.blocksPerMicrobatch = 13;
  await sync.hurry();
  const second = await sync.until(
    "the second one",
    ({ state, block }) => state === "retrying" && block > first.block,
  );
  expect([first.block, second.block]).toEqual([13, 26]);
  Object.assign(lab.misbehaviour, { blocksPerMicrobatch: 1000, breaks: null });
  await sync.reaches();
  await sync.expectEqual();
});

test("a server that ignores the resume header is noticed, and nothing of it is stored", async () => {
  const source = chainOf(30);
  const sync = await loaded(source);
  lab.misbehaviour.dropResumeHeader = true;
  lab.server.disconnectAll();
  await sync.until("it to be noticed", async () => {
    await sync.hurry();
    return lab.worker.hasSaid("cursor_ignored");
  });
  lab.misbehaviour.dropResumeHeader = false;
  source.reorg(3);
  source.mine(3);
  await sync.reaches();
  await sync.expectEqual();

  const before = await fingerprint(lab.db, sync.schema, "logs");
  lab.misbehaviour.dropResumeHeader = true;
  lab.server.disconnectAll();
  const { code, block } = await sync.until("the stream to stop", async ({ state }) => {
    await sync.hurry();
    return state === "failed";
  });
  expect({ code, block }).toEqual({ code: "SY102", block: 32 });
  expect(await fingerprint(lab.db, sync.schema, "logs")).toBe(before);

  lab.misbehaviour.dropResumeHeader = false;
  await lab.db.query("select ampsync.resume_sync($1)", [`_/anvil@${sync.version}`]);
  source.mine();
  await sync.reaches();
  await sync.expectEqual();
});

describe("a finished range that is sent again is not stored twice", () => {
  test("with its rows: the stream connects again, visibly", async () => {
    lab.misbehaviour.repeats = "rows";
    const source = chainOf(15);
    const sync = await lab.sync(source);
    await sync.until("the repetition to be seen", ({ code, detail }) => {
      return code === "SY101" && (detail ?? "").includes("came again with rows");
    });
    await sync.reaches();
    await sync.expectEqual();
  });

  test("without rows: it is ignored", async () => {
    lab.misbehaviour.repeats = "watermark";
    const source = chainOf(35);
    const sync = await loaded(source);
    source.reorg(4, 5);
    await sync.reaches();
    await sync.expectEqual();
    expect(await sync.events("protocol_error")).toBe(0);
  });
});

describe("reorg_desync: a reorg while disconnected leaves no orphan", () => {
  test.each([
    ["though the new chain ends below microbatches that are stored", 25, 10],
    ["though the new chain is longer", 14, 30],
  ])("%s", async (_, depth, length) => {
    const source = chainOf(50);
    const sync = await loaded(source, ["logs", "blocks"]);
    disconnect();
    await sync.until("the stream to break off", ({ state }) => state === "retrying");
    source.reorg(depth, length);
    lab.misbehaviour.breaks = null;
    await sync.reaches();
    await sync.expectEqual();
  });
});

test("a server that rewinds less than the true fork is stepped back from until it agrees", async () => {
  lab.misbehaviour.lostOrphans = true;
  const source = chainOf(30);
  const sync = await loaded(source);
  for (let i = 0; i < 8; i++) {
    source.mine();
    await sync.reaches();
  }
  const starts = watchRanges();
  source.reorg(8);
  await sync.reaches();
  await sync.expectEqual();
  expect(starts[0]).toBe(37); // All that the server could see; the fork is at block 30.
  expect(Math.min(...starts)).toBeLessThanOrEqual(30);
  expect(await sync.events("reorg_pending")).toBe(1);
});

describe("a reorg deletes rows of its own table and network only", () => {
  test("of three tables the one that has not heard of it keeps its rows (reorg_not_unaffected)", async () => {
    const source = chainOf(30);
    const sync = await loaded(source, ["logs", "blocks", "transactions"]);
    const before = await fingerprint(lab.db, sync.schema, "logs");
    const oldHead = source.chain.head()!;
    // The server falls silent about the logs.
    Object.assign(lab.misbehaviour, {
      tables: ["logs"],
      breaks: { after: 0, unit: "messages", how: "stall" },
    });
    source.reorg(12, 14);
    for (const table of ["blocks", "transactions"]) {
      await lab.scenario.until(`the reorg in ${table}`, async () => (await sync.stream(table))?.block === 31);
    }
    expect(await fingerprint(lab.db, sync.schema, "logs")).toBe(before);
    expect((await sync.stream("logs"))?.block).toBe(Number(oldHead.number));

    lab.misbehaviour.breaks = null;
    lab.server.disconnectAll();
    await sync.reaches();
    await sync.expectEqual();
  });

  test("another network with the same tables and heights keeps its rows (multi_network_partial)", async () => {
    const [source, other] = [chainOf(30), chainOf(30, "othernet")];
    const sync = await loaded(source);
    const untouched = await loaded(other);
    const before = await fingerprint(lab.db, untouched.schema, "logs");
    source.reorg(12, 14);
    await sync.reaches();
    expect(await fingerprint(lab.db, untouched.schema, "logs")).toBe(before);
    const { rows } = await lab.db.query(
      "select s.rewrites::int from ampsync.streams s where s.target like any ($1) order by s.stream_id",
      [[`${sync.schema}.%`, `${untouched.schema}.%`]],
    );
    expect(rows).toEqual([{ rewrites: 1 }, { rewrites: 0 }]);
    await sync.expectEqual();
    await untouched.expectEqual();
  });
});

test("the checkpoint goes down with the rows, in one commit", async () => {
  const source = chainOf(30);
  const sync = await loaded(source);
  await using watch = new ChainWatch(await lab.db.client(), sync.schema, source, { logs: LOGS_PER_BLOCK });
  watch.remember();
  watch.poll(); // Each sight is one snapshot, and its highest row must be its checkpoint.
  for (const [depth, length] of [
    [10, 4],
    [7, 2],
    [3, 1],
  ] as const) {
    source.reorg(depth, length);
    watch.remember();
    await sync.reaches();
  }
  await watch.look();
  expect(watch.faults).toEqual([]);
  expect((await sync.stream())?.block).toBe(16);
  await sync.expectEqual();
});

describe("servers of older generations", () => {
  test.each(["2025-10", "2025-11"] as const)(
    "of %s are followed through reorgs of every kind",
    async (generation) => {
      lab.misbehaviour.generation = generation;
      const source = chainOf(50);
      const sync = await loaded(source, ["logs", "blocks"]);
      source.mine(5);
      await sync.reaches();
      source.reorg(3);
      await sync.reaches();
      disconnect();
      source.reorg(20, 15);
      lab.misbehaviour.breaks = null;
      await sync.reaches();
      source.mine(20);
      await sync.reaches();
      await sync.expectEqual();
    },
  );
});

test("a resume that the server refuses is retried until it is accepted", async () => {
  const source = chainOf(30);
  const sync = await loaded(source);
  lab.misbehaviour.refuseResume = true;
  lab.server.disconnectAll();
  const { code } = await sync.until("two refusals", async ({ attempts }) => {
    await sync.hurry();
    return attempts >= 2;
  });
  expect(code).toBe("SY104");
  lab.misbehaviour.refuseResume = false;
  source.mine();
  await sync.reaches();
  await sync.expectEqual();
});
