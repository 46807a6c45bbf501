// Takes 16 s.
import { test } from "vitest";

import type { Misbehaviour } from "../../src/devserver/misbehaviour.ts";
import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import type { FaultPoint } from "../../src/fault-points.ts";
import { Scenario } from "../support/worker/scenario.ts";

const LOGS_PER_BLOCK = 5;
const POINTS: readonly FaultPoint[] = [
  "before_connect",
  "copy_begun",
  "chunk_written",
  "before_trailer",
  "commit_sent",
  "commit_answered",
];

test.each<[string, Partial<Misbehaviour>]>([
  ["applied at once", {}],
  ["after a step back", { noPrevHash: true }],
  ["of a server without orphans", { lostOrphans: true }],
])(
  "a second reorg at each statement of a first one (%s) leaves what a fresh load gives",
  async (_, misbehaviour) => {
    const source = new GeneratedSource({ blocks: 100, logsPerBlock: LOGS_PER_BLOCK });
    await using scenario = await Scenario.start({ source });
    Object.assign(scenario.misbehaviour, misbehaviour);
    const worker = scenario.startFaultyWorker();
    const sync = await scenario.sync(["logs"]);
    await sync.reaches();

    for (const point of POINTS) {
      source.mine(10);
      await sync.reaches();
      await worker.arm({ point, action: "pause" });
      source.reorg(6);
      await scenario.until(`the first reorg to stand at ${point}`, async () => worker.isPaused);
      source.reorg(8, 9);
      worker.resume();
      await sync.reaches();
      await sync.expectBlocks("logs", LOGS_PER_BLOCK);
    }
    await sync.expectFreshLoad();
  },
);
