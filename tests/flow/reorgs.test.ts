// Takes 20 s.
import { status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { fingerprint } from "../support/postgres/tables.ts";
import { ChainWatch } from "../support/watch/chain-watch.ts";
import { sharedScenario } from "../support/worker/shared-scenario.ts";
import type { Sync } from "../support/worker/sync.ts";

const LOGS_PER_BLOCK = 5;

const scenario = sharedScenario({ maxBlocksPerMicrobatch: 10 });

function chainOf(blocks: number, network = "devnet") {
  return new GeneratedSource({ blocks, logsPerBlock: LOGS_PER_BLOCK, network });
}

async function loaded(source: GeneratedSource, tables?: readonly string[]): Promise<Sync> {
  const sync = await scenario.follow(source, tables);
  await sync.catchesUp();
  return sync;
}

/** Streams are cut off, and fail to open, until that is taken back. */
function disconnect(): void {
  scenario.misbehaviour.breaks = {
    after: 0,
    unit: "messages",
    how: { code: status.UNAVAILABLE, details: "gone" },
  };
  scenario.server.disconnectAll();
}

/** First blocks of the ranges that the server sends from here on. */
function watchRanges(): readonly number[] {
  const starts: number[] = [];
  scenario.misbehaviour.falseMetadata = (truth) => {
    if (truth.ranges_complete) starts.push(truth.ranges[0]!.numbers.start);
    return truth;
  };
  return starts;
}

test("a reconnect with other microbatch borders leaves every row once", async () => {
  const source = chainOf(60);
  const broken = { code: status.UNAVAILABLE, details: "broken off by a test" };
  Object.assign(scenario.misbehaviour, {
    blocksPerMicrobatch: 7,
    rowsPerBatch: 10,
    breaks: { after: 100, unit: "rows", how: broken },
  });
  const sync = await scenario.follow(source);
  // What comes just before a break may not be committed yet, and is lost with its connection.
  const first = await sync.until("the first break after a commit", async ({ state, block }) => {
    await scenario.hurry();
    return state === "retrying" && block >= 0;
  });
  scenario.misbehaviour.blocksPerMicrobatch = 13;
  await scenario.hurry();
  const second = await sync.until(
    "the second one",
    ({ state, block }) => state === "retrying" && block > first.block,
  );
  expect((first.block + 1) % 7).toBe(0);
  expect((second.block + 1) % 7).not.toBe(0); // Else the borders would be the same.
  Object.assign(scenario.misbehaviour, { blocksPerMicrobatch: 1000, breaks: null });
  await sync.catchesUp();
  await sync.expectSourceRows();
});

test("a server that ignores the resume header is noticed, and nothing of it is stored", async () => {
  const source = chainOf(30);
  const sync = await loaded(source);
  scenario.misbehaviour.dropResumeHeader = true;
  scenario.server.disconnectAll();
  await sync.until("it to be noticed", async () => {
    await scenario.hurry();
    return scenario.worker.hasSaid("cursor_ignored");
  });
  scenario.misbehaviour.dropResumeHeader = false;
  source.reorg(3);
  source.mine(3);
  await sync.catchesUp();
  await sync.expectSourceRows();

  const before = await fingerprint(scenario.db, sync.schema, "logs");
  scenario.misbehaviour.dropResumeHeader = true;
  scenario.server.disconnectAll();
  const { code, block } = await sync.until("the stream to stop", async ({ state }) => {
    await scenario.hurry();
    return state === "failed";
  });
  expect({ code, block }).toEqual({ code: "SY102", block: 32 });
  expect(await fingerprint(scenario.db, sync.schema, "logs")).toBe(before);

  scenario.misbehaviour.dropResumeHeader = false;
  await scenario.db.query("select ampsync.resume_sync($1)", [sync.dataset]);
  source.mine();
  await sync.catchesUp();
  await sync.expectSourceRows();
});

describe("a finished range that is sent again is not stored twice", () => {
  test("with its rows: the stream reconnects, visibly", async () => {
    scenario.misbehaviour.repeats = "rows";
    const source = chainOf(15);
    const sync = await scenario.follow(source);
    await sync.until("the repetition to be seen", ({ code, detail }) => {
      return code === "SY101" && (detail ?? "").includes("came again with rows");
    });
    await sync.catchesUp();
    await sync.expectSourceRows();
  });

  test("without rows: it is ignored", async () => {
    scenario.misbehaviour.repeats = "watermark";
    const source = chainOf(35);
    const sync = await loaded(source);
    source.reorg(4, 5);
    await sync.catchesUp();
    await sync.expectSourceRows();
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
    scenario.misbehaviour.breaks = null;
    await sync.catchesUp();
    await sync.expectSourceRows();
  });
});

test("a server that rewinds less than the true fork is stepped back from until it agrees", async () => {
  scenario.misbehaviour.lostOrphans = true;
  const source = chainOf(30);
  const sync = await loaded(source);
  for (let i = 0; i < 8; i++) {
    source.mine();
    await sync.catchesUp();
  }
  const starts = watchRanges();
  source.reorg(8);
  await sync.catchesUp();
  await sync.expectSourceRows();
  expect(starts[0]).toBe(37); // All that the server could see; the fork is at block 30.
  expect(Math.min(...starts)).toBeLessThanOrEqual(30);
  expect(await sync.events("reorg_pending")).toBe(1);
});

describe("a reorg deletes rows of its own table and network only", () => {
  test("of three tables the one that has not heard of it keeps its rows (reorg_not_unaffected)", async () => {
    const source = chainOf(30);
    const sync = await loaded(source, ["logs", "blocks", "transactions"]);
    const before = await fingerprint(scenario.db, sync.schema, "logs");
    const oldHead = source.chain.head()!;
    // The server falls silent about the logs.
    Object.assign(scenario.misbehaviour, {
      tables: ["logs"],
      breaks: { after: 0, unit: "messages", how: "stall" },
    });
    source.reorg(12, 14);
    for (const table of ["blocks", "transactions"]) {
      await scenario.until(`the reorg in ${table}`, async () => (await sync.stream(table))?.block === 31);
    }
    expect(await fingerprint(scenario.db, sync.schema, "logs")).toBe(before);
    expect((await sync.stream("logs"))?.block).toBe(Number(oldHead.number));

    scenario.misbehaviour.breaks = null;
    scenario.server.disconnectAll();
    await sync.catchesUp();
    await sync.expectSourceRows();
  });

  test("another network with the same tables and heights keeps its rows (multi_network_partial)", async () => {
    const [source, other] = [chainOf(30), chainOf(30, "othernet")];
    const sync = await loaded(source);
    const untouched = await loaded(other);
    const before = await fingerprint(scenario.db, untouched.schema, "logs");
    source.reorg(12, 14);
    await sync.catchesUp();
    expect(await fingerprint(scenario.db, untouched.schema, "logs")).toBe(before);
    const { rows } = await scenario.db.query(
      "select s.rewrites::int from ampsync.streams s where s.target like any ($1) order by s.stream_id",
      [[`${sync.schema}.%`, `${untouched.schema}.%`]],
    );
    expect(rows).toEqual([{ rewrites: 1 }, { rewrites: 0 }]);
    await sync.expectSourceRows();
    await untouched.expectSourceRows();
  });
});

test("the checkpoint goes down with the rows, in one commit", async () => {
  const source = chainOf(30);
  const sync = await loaded(source);
  await using watch = new ChainWatch(await scenario.db.client(), sync.schema, source, {
    logs: LOGS_PER_BLOCK,
  });
  watch.remember();
  watch.poll(); // Each sight is one snapshot, and its highest row must be its checkpoint.
  for (const [depth, length] of [
    [10, 4],
    [7, 2],
    [3, 1],
  ] as const) {
    source.reorg(depth, length);
    watch.remember();
    await sync.catchesUp();
  }
  await watch.look();
  expect(watch.faults).toEqual([]);
  expect((await sync.stream())?.block).toBe(16);
  await sync.expectSourceRows();
});

describe("servers of older generations", () => {
  test.each(["2025-10", "2025-11"] as const)(
    "of %s are followed through reorgs of every kind",
    async (generation) => {
      scenario.misbehaviour.generation = generation;
      const source = chainOf(50);
      const sync = await loaded(source, ["logs", "blocks"]);
      source.mine(5);
      await sync.catchesUp();
      source.reorg(3);
      await sync.catchesUp();
      disconnect();
      source.reorg(20, 15);
      scenario.misbehaviour.breaks = null;
      await sync.catchesUp();
      source.mine(20);
      await sync.catchesUp();
      await sync.expectSourceRows();
    },
  );
});

test("a resume that the server refuses is retried until it is accepted", async () => {
  const source = chainOf(30);
  const sync = await loaded(source);
  scenario.misbehaviour.refuseResume = true;
  scenario.server.disconnectAll();
  const { code } = await sync.until("two refusals", async ({ attempts }) => {
    await scenario.hurry();
    return attempts >= 2;
  });
  expect(code).toBe("SY104");
  scenario.misbehaviour.refuseResume = false;
  source.mine();
  await sync.catchesUp();
  await sync.expectSourceRows();
});
