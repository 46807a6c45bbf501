// Takes 13 s.
import { expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { Scenario } from "../support/worker/scenario.ts";

const STREAM_JOBS = "graphile_worker._private_jobs where key like 'ampsync\\_stream:%'";

/** What befalls the job of a stream. `expected`: whether it needs a new one. */
const MISHAPS: readonly [string, string][] = [
  ["deleted", `delete from ${STREAM_JOBS}`],
  [
    "out of attempts",
    `update graphile_worker._private_jobs set attempts = max_attempts, locked_at = null, locked_by = null
      where key like 'ampsync\\_stream:%'`,
  ],
  [
    "still locked by a worker that is gone",
    `update graphile_worker._private_jobs set locked_at = now(), locked_by = 'gone' where key like 'ampsync\\_stream:%'`,
  ],
];

test.each(MISHAPS)(
  "a job that is %s while no worker runs is replaced, and one worker writes",
  async (_, mishap) => {
    const source = new GeneratedSource({ blocks: 60 });
    await using scenario = await Scenario.start({ source });
    const first = scenario.startWorker();
    const sync = await scenario.sync(["logs"]);
    await sync.reaches();
    await first.kill();
    await scenario.db.query(mishap);

    await scenario.releaseDead();
    scenario.startWorker();
    scenario.startWorker();
    source.mine(10);
    source.reorg(4);
    await sync.reaches();
    expect(await sync.stream()).toMatchObject({ epoch: 2, isLeased: true });
    await sync.expectFreshLoad();
  },
);

test.each<[string, string]>([
  ["deleted", MISHAPS[0]![1]],
  [
    "unlocked by a lock that ran out",
    `update graphile_worker._private_jobs set locked_at = now() - interval '5 hours' where key like 'ampsync\\_stream:%'`,
  ],
])(
  "a job that is %s while its pass runs makes no second writer, and the stream has a next pass",
  async (_, mishap) => {
    const source = new GeneratedSource({ blocks: 60 });
    await using scenario = await Scenario.start({ source });
    scenario.startWorker();
    const sync = await scenario.sync(["logs"]);
    await sync.reaches();
    await scenario.db.query(mishap);
    scenario.startWorker();
    await scenario.wakeSupervisor();
    source.mine(10);
    await sync.reaches();
    expect(await sync.stream()).toMatchObject({ epoch: 1 });

    scenario.server.disconnectAll(); // The pass ends.
    source.reorg(4);
    await sync.reaches();
    expect(await sync.stream()).toMatchObject({ epoch: 2 });
    await sync.expectFreshLoad();
  },
);
