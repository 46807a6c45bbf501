import { expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { Scenario } from "../support/worker/scenario.ts";
import type { Sync } from "../support/worker/sync.ts";

const TABLES = ["blocks", "logs", "transactions"] as const;
const IN_TIME_S = 35;

/** Two workers; the one that holds all streams is killed. */
async function killHolder(scenario: Scenario): Promise<{ sync: Sync; killedAt: number }> {
  const first = scenario.startWorker();
  const sync = await scenario.sync(TABLES);
  await scenario.until("all streams to be held and to load", async () => {
    const { rows } = await scenario.db.query(
      "select from ampsync.streams where worker is not null and rows > 0",
    );
    return rows.length === TABLES.length;
  });
  const second = scenario.startWorker();
  await scenario.until("the second worker", async () => second.hasSaid("Worker connected"));
  await first.kill();
  return { sync, killedAt: performance.now() };
}

async function expectOtherHolders(scenario: Scenario, deadlineMs: number): Promise<void> {
  await scenario.until(
    "other holders",
    async () => {
      const { rows } = await scenario.db.query(
        "select from ampsync_private.lease l where l.epoch > 1 and l.holder is not null",
      );
      return rows.length === TABLES.length;
    },
    deadlineMs,
  );
}

test("SIGKILL of a worker: once its leases have run out its streams go on elsewhere", async () => {
  const source = new GeneratedSource({ blocks: 3000 });
  await using scenario = await Scenario.start({ source });
  const { sync } = await killHolder(scenario);
  await scenario.expireLeases();
  await expectOtherHolders(scenario, 5_000);
  await sync.reaches({ deadlineMs: 20_000 });
  await sync.expectFreshLoad();
}, 60_000);

// By hand: AMPSYNC_REAL_CLOCK=1 npx vitest run tests/crash/failover.test.ts
test.skipIf(process.env["AMPSYNC_REAL_CLOCK"] === undefined)(
  `by the real clock (AMPSYNC_REAL_CLOCK=1): its streams go on elsewhere within ${IN_TIME_S} s`,
  async () => {
    const source = new GeneratedSource({ blocks: 50_000 });
    await using scenario = await Scenario.start({ source });
    const { sync, killedAt } = await killHolder(scenario);
    await expectOtherHolders(scenario, 60_000);
    const seconds = (performance.now() - killedAt) / 1000;
    console.log(`all streams have another holder ${seconds.toFixed(1)} s after kill -9`);
    expect(seconds).toBeLessThanOrEqual(IN_TIME_S);
    await sync.reaches({ deadlineMs: 60_000 });
  },
  180_000,
);
