import { expect, test } from "vitest";

import type { Misbehaviour } from "../../src/devserver/misbehaviour.ts";
import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import type { FaultPoint } from "../../src/fault-points.ts";
import { fingerprints, freshLoad } from "../support/chain/generated.ts";
import { expectBlocks } from "../support/postgres/held-blocks.ts";
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
    Object.assign(scenario.server.misbehaviour, misbehaviour);
    const worker = scenario.startFaultyWorker();
    await scenario.sync("anvil", "chain", ["logs"]);
    await scenario.reaches("chain", 1);

    for (const point of POINTS) {
      source.mine(10);
      await scenario.reaches("chain", 1);
      await worker.arm({ point, action: "pause" });
      source.reorg(6);
      await scenario.until(`the first reorg to stand at ${point}`, async () => worker.isPaused);
      source.reorg(8, 9);
      worker.resume();
      await scenario.reaches("chain", 1);
      await expectBlocks(scenario.db, "chain.logs", source, LOGS_PER_BLOCK);
    }
    expect(await fingerprints(scenario.db, "chain", ["logs"])).toEqual(await freshLoad(source, ["logs"]));
  },
  60_000,
);
