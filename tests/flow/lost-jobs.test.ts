// Takes 22 s.
import { expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { Scenario } from "../support/worker/scenario.ts";
import type { Sync } from "../support/worker/sync.ts";

interface Mishap {
  readonly name: string;
  /** What befalls the job with the key $1. */
  readonly statement: string;
}

const DELETED: Mishap = {
  name: "deleted",
  statement: "delete from graphile_worker._private_jobs where key = $1",
};
const UPDATE = "update graphile_worker._private_jobs set";

const WHILE_NOBODY_WORKS: readonly Mishap[] = [
  DELETED,
  {
    name: "out of attempts",
    statement: `${UPDATE} attempts = max_attempts, locked_at = null, locked_by = null where key = $1`,
  },
  {
    name: "still locked by a worker that is gone",
    statement: `${UPDATE} locked_at = now(), locked_by = 'gone' where key = $1`,
  },
];

const WHILE_ITS_PASS_RUNS: readonly Mishap[] = [
  DELETED,
  {
    name: "unlocked by a lock that ran out",
    statement: `${UPDATE} locked_at = now() - interval '5 hours' where key = $1`,
  },
];

interface Struck {
  readonly sync: Sync;
  readonly source: GeneratedSource;
  readonly strike: () => Promise<void>;
}

/** A stream at the head for each mishap. */
async function streamsFor(mishaps: readonly Mishap[], scenario: Scenario): Promise<readonly Struck[]> {
  const struck: Struck[] = [];
  for (const [i, { name, statement }] of mishaps.entries()) {
    const source = new GeneratedSource({ blocks: 60, seed: i + 1 });
    const sync = await scenario.follow(source, ["logs"]);
    const strike = async () => {
      const { rows } = await scenario.db.query(
        "select 'ampsync_stream:' || stream_id as key from ampsync_private.stream where target_schema = $1",
        [sync.schema],
      );
      const { rowCount } = await scenario.db.query(statement, [rows[0]!["key"]]);
      expect(rowCount, name).toBe(1);
    };
    struck.push({ sync, source, strike });
  }
  for (const { sync } of struck) await sync.reaches();
  return struck;
}

/** From whom leases were taken that nobody had released. */
async function robbed(scenario: Scenario): Promise<readonly string[]> {
  const { rows } = await scenario.db.query(
    "select distinct details ->> 'from' as holder from ampsync.events where event = 'lease_taken_over'",
  );
  return rows.map(({ holder }) => holder);
}

const namesOf = (mishaps: readonly Mishap[]) => mishaps.map(({ name }) => name).join(", or ");

test(`a job that is ${namesOf(WHILE_NOBODY_WORKS)} while no worker runs is replaced, and one worker writes`, async () => {
  await using scenario = await Scenario.start();
  const first = scenario.startWorker();
  const struck = await streamsFor(WHILE_NOBODY_WORKS, scenario);
  const { holder: dead, epoch: before } = (await struck[0]!.sync.stream())!;
  await first.kill();
  for (const { strike } of struck) await strike();

  await scenario.releaseDead();
  scenario.startWorker();
  scenario.startWorker();
  for (const { source } of struck) {
    source.mine(10);
    source.reorg(4);
  }
  for (const { sync } of struck) {
    await sync.reaches();
    expect((await sync.stream())!.epoch).toBeGreaterThan(before);
    await sync.expectFreshLoad();
  }
  // Workers that live hand streams over, as their shares are, and have none taken.
  expect(await robbed(scenario)).toEqual([dead]);
});

test(`a job that is ${namesOf(WHILE_ITS_PASS_RUNS)} while its pass runs makes no second writer, and the stream has a next pass`, async () => {
  await using scenario = await Scenario.start();
  scenario.startWorker();
  const struck = await streamsFor(WHILE_ITS_PASS_RUNS, scenario);
  for (const { strike } of struck) await strike();
  scenario.startWorker();
  await scenario.wakeSupervisor();
  for (const { source } of struck) source.mine(10);
  for (const { sync } of struck) await sync.reaches();
  expect(await robbed(scenario)).toEqual([]);

  const epochs = await Promise.all(struck.map(async ({ sync }) => (await sync.stream())!.epoch));
  scenario.server.disconnectAll(); // The passes end.
  for (const { source } of struck) source.reorg(4);
  for (const [n, { sync }] of struck.entries()) {
    await sync.reaches();
    expect((await sync.stream())!.epoch).toBeGreaterThan(epochs[n]!);
    await sync.expectFreshLoad();
  }
  expect(await robbed(scenario)).toEqual([]);
});
