// Takes 26 s.
import { expect, test } from "vitest";

import type { WireMetadata } from "../../src/devserver/flight/app-metadata.ts";
import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { FALSE_METADATA } from "../support/chain/false-metadata.ts";
import { sharedScenario } from "../support/worker/shared-scenario.ts";
import type { Sync } from "../support/worker/sync.ts";

/** What a server sends by mistake, and then rightly: streams go on without help. */
const scenario = sharedScenario({ maxBlocksPerMicrobatch: 20 });

const chainOf = (blocks: number) => new GeneratedSource({ blocks, logsPerBlock: 3 });

/** Whether the metadata of a batch with rows is to be spoiled is asked for each. */
function spoil(how: (truth: WireMetadata) => unknown, when: () => boolean): void {
  scenario.misbehaviour.falseMetadata = (truth) => (!truth.ranges_complete && when() ? how(truth) : truth);
}

/** The batch says that it ends a microbatch, of fewer blocks than it has rows of. */
function tooShort(truth: WireMetadata): unknown {
  const [range] = truth.ranges;
  return {
    ranges: [{ ...range!, numbers: { start: range!.numbers.start, end: range!.numbers.start } }],
    ranges_complete: true,
  };
}

async function loaded(sync: Sync): Promise<void> {
  await sync.catchesUp();
  await sync.expectSourceRows();
}

test("a batch that cannot be read is retried, even where it says that it ends its microbatch", async () => {
  let spoilt = 0;
  spoil(tooShort, () => ++spoilt <= 2);
  const sync = await scenario.follow(chainOf(60));
  await loaded(sync);
  expect(await sync.events("protocol_error")).toBeGreaterThanOrEqual(1);
  expect(await sync.events("stream_failed")).toBe(0);
});

test("in the middle of a load, what was finished before it is kept", async () => {
  let batches = 0;
  spoil(tooShort, () => ++batches === 3);
  scenario.misbehaviour.delayMs = 5;
  const sync = await scenario.follow(chainOf(100));
  const { block } = await sync.until("the error to be shown", ({ code }) => code === "SY101");
  expect(block).toBe(39);
  await loaded(sync);
});

test("three in a row are left to the queue, and nothing of them is stored; the stream goes on when they end", async () => {
  spoil(tooShort, () => true);
  const sync = await scenario.follow(chainOf(60));
  const { state, reason, block } = await sync.until(
    "the queue to take over",
    ({ retryIn }) => retryIn !== null,
  );
  expect([state, reason, block]).toEqual(["retrying", "The server broke the protocol 3 times in a row", -1]);
  scenario.misbehaviour.falseMetadata = null;
  await loaded(sync);
  expect(await sync.events("stream_failed")).toBe(0);
});

test("blocks that are left out for long are retried as what they are, and loaded when they come", async () => {
  const source = chainOf(20);
  const sync = await scenario.follow(source);
  await sync.catchesUp();
  scenario.misbehaviour.falseMetadata = FALSE_METADATA.gap;
  source.mine(20);
  const { state, reason, detail } = await sync.until(
    "the queue to take over",
    ({ code, retryIn }) => code === "SY101" && retryIn !== null,
  );
  expect([state, reason]).toEqual(["retrying", "The server leaves out blocks, wherever the stream resumes"]);
  expect(detail).toBe("Blocks 21 to 39 came where block 20 is next.");
  expect(await sync.events("stream_failed")).toBe(0);
  scenario.misbehaviour.falseMetadata = null;
  await loaded(sync);
});
