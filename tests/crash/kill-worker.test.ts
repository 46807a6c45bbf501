// Takes 43 s.
import { describe, expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { LOCKS_HERE } from "../support/postgres/rivals.ts";
import { Scenario } from "../support/worker/scenario.ts";
import type { Sync } from "../support/worker/sync.ts";
import type { Worker } from "../support/worker/worker.ts";

const TABLES = ["logs"] as const;
const LOGS_PER_BLOCK = 4;
/** Ten microbatches, each of more bytes than connections buffer. */
const BLOCKS = 5_000;
const SUCCESSOR_DEADLINE_MS = 25_000;

function chainOf(blocks: number): GeneratedSource {
  return new GeneratedSource({ blocks, logsPerBlock: LOGS_PER_BLOCK });
}

interface Loading {
  readonly scenario: Scenario;
  readonly sync: Sync;
  readonly first: Worker;
}

/** While it is disturbed, next to nothing more comes: it must not be over by then, however busy the machine is. */
const PAUSED_MS = 1_000;
const SLOW_MS = 40;

/** Slowly, so that it can be disturbed in between. */
async function startLoading(source: GeneratedSource): Promise<Loading> {
  const scenario = await Scenario.start({ source, maxBlocksPerMicrobatch: 500 });
  scenario.misbehaviour.delayMs = SLOW_MS;
  const first = scenario.startWorker();
  const sync = await scenario.sync(TABLES);
  return { scenario, sync, first };
}

async function someRowsIn(sync: Sync): Promise<void> {
  await sync.until("the first commit", ({ rows }) => rows > 0);
}

async function expectAll(scenario: Scenario, sync: Sync): Promise<void> {
  scenario.misbehaviour.delayMs = 0;
  await sync.reaches({ deadlineMs: SUCCESSOR_DEADLINE_MS });
  await sync.expectFreshLoad();
}

describe("SIGKILL", () => {
  test("in mid-stream loses no row and doubles none, however often", async () => {
    const source = chainOf(BLOCKS);
    const { scenario, sync, first } = await startLoading(source);
    await using _ended = scenario;
    let worker = first;
    for (let kill = 0; kill < 2; kill++) {
      const { block: before } = (await sync.stream()) ?? { block: -1 };
      await sync.until(`a commit before kill ${kill}`, ({ block }) => block > before);
      scenario.misbehaviour.delayMs = PAUSED_MS;
      await worker.kill();
      expect((await sync.stream())!.block).toBeLessThan(BLOCKS - 1);
      scenario.misbehaviour.delayMs = SLOW_MS;
      await scenario.expireLeases();
      worker = scenario.startWorker();
    }
    await expectAll(scenario, sync);
    expect(await scenario.events("lease_taken_over")).toBe(2);
  });
});

describe("a frozen worker", () => {
  test("in the middle of its COPY is ended by its successor and writes nothing when it thaws", async () => {
    const source = chainOf(100);
    const { scenario, sync, first } = await startLoading(source);
    await using _ended = scenario;
    await sync.reaches();

    // Hold its next transaction up, so that it is frozen with the transaction open and half sent.
    const blocker = await scenario.db.client();
    await blocker.query("begin; lock table chain.logs in share mode");
    source.mine(BLOCKS);
    await scenario.until("a transaction that waits for the table", async () => {
      const { rows } = await scenario.db.query(
        `select from ${LOCKS_HERE}
          where relation = 'chain.logs'::regclass and mode = 'RowExclusiveLock' and not granted`, // No index build.
      );
      return rows.length === 1;
    });
    first.signal("SIGSTOP");
    await blocker.query("rollback");

    scenario.startWorker();
    await scenario.expireLeases();
    await sync.reaches({ deadlineMs: SUCCESSOR_DEADLINE_MS });
    const { rows } = await scenario.db.query(
      "select (details ->> 'backends_ended')::int as ended from ampsync.events where event = 'lease_taken_over'",
    );
    expect(rows).toEqual([{ ended: 1 }]);

    first.signal("SIGCONT");
    await scenario.until("the thawed worker to notice", async () =>
      /stream_error|lease_lost/.test(first.tail()),
    );
    source.mine(5);
    await expectAll(scenario, sync);
    expect(await scenario.events("lease_taken_over")).toBe(1);
  });

  test("between two transactions cannot begin another one when it thaws", async () => {
    const source = chainOf(100);
    const { scenario, sync, first } = await startLoading(source);
    await using _ended = scenario;
    await sync.reaches();
    first.signal("SIGSTOP");
    scenario.startWorker();
    await scenario.expireLeases();
    source.mine(10);
    source.reorg(4);
    await sync.reaches({ deadlineMs: SUCCESSOR_DEADLINE_MS });

    first.signal("SIGCONT");
    await scenario.until("the thawed worker to notice", async () => first.hasSaid("lease_lost"));
    source.mine(5);
    await expectAll(scenario, sync);
    expect(await scenario.events("lease_taken_over")).toBe(1);
  });
});

describe("SIGTERM (graceful_shutdown)", () => {
  async function expectCleanEnd(scenario: Scenario, sync: Sync, worker: Worker): Promise<void> {
    worker.signal("SIGTERM");
    await scenario.until("the worker to end", async () => worker.hasEnded);
    const { rows: jobs } = await scenario.db.query(
      `select task, state, attempts, last_error from ampsync.jobs where state = 'running' or attempts > 0`,
    );
    expect(jobs).toEqual([]); // A lost result would leave its job locked for four hours.
    expect(await sync.stream()).toMatchObject({ holder: null, isLeased: false });
    await scenario.until("its backends to end", async () => {
      const { rows } = await scenario.db.query(
        `select from pg_stat_activity
          where datname = current_database() and backend_type = 'client backend'
            and application_name <> 'ampsync test'`,
      );
      return rows.length === 0;
    });
  }

  test("in mid-backfill ends the worker cleanly, and the next one carries on at once", async () => {
    const source = chainOf(BLOCKS);
    const { scenario, sync, first } = await startLoading(source);
    await using _ended = scenario;
    await someRowsIn(sync);
    scenario.misbehaviour.delayMs = PAUSED_MS;
    await expectCleanEnd(scenario, sync, first);
    expect((await sync.stream())!.block).toBeLessThan(BLOCKS - 1);
    scenario.startWorker();
    await expectAll(scenario, sync);
  });

  test("at the head ends the worker cleanly, and no finished job is left", async () => {
    const source = chainOf(50);
    const scenario = await Scenario.start({ source });
    await using _ended = scenario;
    const worker = scenario.startWorker();
    const sync = await scenario.sync(null, { block_index: "none" }); // Or the build of an index may be left.
    await sync.reaches();
    await expectCleanEnd(scenario, sync, worker);
    const { rows } = await scenario.db.query(
      "select task, count(*)::int as jobs from ampsync.jobs group by 1 order by 1",
    );
    expect(rows).toEqual([
      { task: "ampsync_poll", jobs: 1 }, // The next look for a new version.
      { task: "ampsync_stream", jobs: 3 }, // Their next passes, due at once.
      { task: "ampsync_supervise", jobs: 1 },
    ]);
  });
});
