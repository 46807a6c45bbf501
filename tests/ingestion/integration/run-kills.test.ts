// Takes 20 s.
import { expect, test } from "vitest";
import type { FaultPoint } from "../../../src/fault-points.ts";
import { type FleetSource, SourceFleet } from "../../support/http/source-fleet.ts";
import { differenceOf } from "../../support/http/truth.ts";
import { letTimePass } from "../../support/postgres/clock.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres/postgres.ts";
import { waitFor } from "../../support/wait-for.ts";
import type { FaultyWorker } from "../../support/worker/faulty-worker.ts";

const HOURLY = { every: "1 hour" };
const SMALL = { records: 250 };

/** What a run of each kind begins with: a token, a mark, the last page, or the beginning. */
const SOURCES: readonly FleetSource[] = [
  {
    name: "tokens",
    api: { ...SMALL, faults: { cursors: { tokenAtEnd: true } } },
    source: { ...HOURLY, on_conflict: "ignore" },
  },
  {
    name: "marks",
    api: { ...SMALL, style: "github" },
    source: {
      ...HOURLY,
      on_conflict: { newest: "updated_at" },
      range: { field: "/updated_at", since: "since", format: "iso" },
    },
  },
  {
    name: "pages",
    api: { ...SMALL, style: "github" },
    source: { ...HOURLY, append_only: true, pages: { type: "page", param: "page" } },
  },
  { name: "passes", api: { ...SMALL, style: "offset" }, source: { ...HOURLY, on_conflict: "replace" } },
];

test("killed before and after a run begins, and before its pass ends: one run, never before it is due", async () => {
  await using db = await createDatabase();
  await using fleet = await SourceFleet.start(db, SOURCES);
  const passes = SOURCES.length;
  const requests = () => [...fleet.members.values()].map(({ server }) => server.requests.length);

  await killed(fleet.startFaultyWorker({ waits: true }), "before_end_pass", passes);
  expect(await runsOf(db)).toEqual({ runs: [1], open: 0, due: 0, finished: 0 });
  const first = requests();
  await fleet.releaseDead();
  const second = fleet.startFaultyWorker();
  await fleet.until("the first runs to be over", ({ state }) => state === "live");
  expect(await runsOf(db)).toEqual({ runs: [1], open: 0, due: passes, finished: passes });

  await db.query("select ampsync_worker.supervise()");
  await wake(db); // Of its own accord, and too soon.
  await settled(db);
  expect(await runsOf(db)).toEqual({ runs: [1], open: 0, due: passes, finished: passes });
  expect(requests()).toEqual(first);

  for (const { server } of fleet.members.values()) server.append(30);
  await second.arm({ point: "lease_acquired", action: "kill", passes }); // Before the first pass has its time.
  await letTimePass(db, "1 hour");
  await wake(db);
  await died(second);
  expect(await runsOf(db)).toEqual({ runs: [1], open: 0, due: passes, finished: passes });
  await fleet.releaseDead();

  await killed(fleet.startFaultyWorker({ waits: true }), "target_prepared", passes);
  expect(await runsOf(db)).toEqual({ runs: [2], open: passes, due: 0, finished: passes });
  expect(requests()).toEqual(first);
  await fleet.releaseDead();

  await killed(fleet.startFaultyWorker({ waits: true }), "before_end_pass", passes);
  expect(await runsOf(db)).toEqual({ runs: [2], open: 0, due: 0, finished: passes });
  const third = requests();
  await fleet.releaseDead();

  fleet.startFaultyWorker();
  await db.query("select ampsync_worker.supervise()");
  await fleet.until("the second runs to be over", ({ state }) => state === "live");
  await waitFor("the third runs to have their time", async () => (await runsOf(db)).due === passes);
  expect(await runsOf(db)).toEqual({ runs: [2], open: 0, due: passes, finished: 2 * passes });
  expect(requests()).toEqual(third);
  for (const member of fleet.members.values()) {
    expect(await differenceOf(db, member, member.server.records()), member.name).toEqual({
      lost: 0,
      doubled: 0,
    });
  }
});

/** It dies when so many passes stand there. */
async function killed(worker: FaultyWorker, point: FaultPoint, passes: number): Promise<void> {
  await worker.arm({ point, action: "kill", passes });
  await died(worker);
}

async function died(worker: FaultyWorker): Promise<void> {
  expect(await worker.ended, worker.tail()).toEqual({ code: null, signal: "SIGKILL" });
}

/** The runs that sources are in, how many parts are open, how many wait for a time, and how many runs have ended. */
async function runsOf(db: TestDatabase) {
  const { rows } = await db.query<{ runs: number[]; open: number; due: number; finished: number }>(`
    select (select array_agg(distinct p.run::int) from ampsync_private.part p) as runs,
           (select count(*)::int from ampsync_private.part p where not p.done) as open,
           (select count(*)::int from ampsync_private.stream s where s.run_due is not null) as due,
           (select count(*)::int from ampsync.events e where e.event = 'run_finished') as finished`);
  return rows[0]!;
}

/** Jobs that wait for a later time, by the real clock, are due at once. */
async function wake(db: TestDatabase): Promise<void> {
  await db.query("update graphile_worker._private_jobs set run_at = now() where locked_at is null");
}

/** No pass is under way, and none is due. */
async function settled(db: TestDatabase): Promise<void> {
  await waitFor("the passes to end", async () => {
    const { rows } = await db.query(
      "select from graphile_worker._private_jobs j where j.key like 'ampsync_stream:%' and (j.run_at <= now() or j.locked_at is not null)",
    );
    return rows.length === 0;
  });
}
