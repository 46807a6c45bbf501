// Takes 75 s.
import { expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { Scenario } from "../support/worker/scenario.ts";

const BLOCKS = 60;

/** All of a table is one microbatch, of so many messages, half a second each. */
async function slowServer(messages: number): Promise<{ scenario: Scenario; source: GeneratedSource }> {
  const source = new GeneratedSource({ blocks: BLOCKS, logsPerBlock: 4, transactionsPerBlock: 4 });
  const scenario = await Scenario.start({ source, maxBlocksPerMicrobatch: BLOCKS });
  Object.assign(scenario.misbehaviour, { delayMs: 500, rowsPerBatch: (4 * BLOCKS) / messages });
  return { scenario, source };
}

test.concurrent("two streams on one slot both finish microbatches that take longer than a pass keeps its slot from others", async () => {
  const tables = ["logs", "transactions"];
  const { scenario } = await slowServer(24); // 12 s.
  await using _ended = scenario;
  scenario.startWorker({ args: ["--jobs", "1"] });
  const sync = await scenario.sync(tables);
  await sync.reaches({ deadlineMs: 120_000 });
  expect(await scenario.events("stream_error")).toBe(0);
  await sync.expectSourceRows();
});

test.concurrent("a large microbatch whose bytes trickle for longer than a silent server is waited for is stored", async () => {
  const { scenario } = await slowServer(80); // 40 s.
  await using _ended = scenario;
  scenario.startFaultyWorker({ limits: { spillBytes: 1 } });
  const sync = await scenario.sync(["logs"]);
  await sync.reaches({ deadlineMs: 120_000 });
  expect(await scenario.events("stream_error")).toBe(0);
  await sync.expectSourceRows();
});

test.concurrent("two streams on one slot both finish replacements that take longer than a pass keeps its slot from others", async () => {
  const tables = ["logs", "transactions"];
  const { scenario, source } = await slowServer(24);
  await using _ended = scenario;
  scenario.misbehaviour.delayMs = 0;
  scenario.startWorker({ args: ["--jobs", "1"] });
  const sync = await scenario.sync(tables);
  await sync.reaches({ deadlineMs: 60_000 });
  source.mine(BLOCKS); // One more microbatch, which is then sent again in six: five of them end below the reorg.
  await sync.reaches({ deadlineMs: 60_000 });
  Object.assign(scenario.misbehaviour, { delayMs: 500, blocksPerMicrobatch: 10, noPrevHash: true });
  source.reorg(5);
  await sync.reaches({ deadlineMs: 150_000 });
  expect(await scenario.events("stream_error")).toBe(0);
  await sync.expectSourceRows();
});
