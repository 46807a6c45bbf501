import { setTimeout as pause } from "node:timers/promises";

import { dice } from "../dice.ts";
import type { TestDatabase } from "../postgres/database.ts";
import { waitFor } from "../wait-for.ts";
import type { WorkerProcess } from "../worker/worker-process.ts";
import { SourceFleet } from "./source-fleet.ts";
import { threeKinds, WINDOWS } from "./three-kinds.ts";
import { type Difference, differenceOf, PositionLooks } from "./truth.ts";

const PAGE = 20;
/** So many requests of each source are answered before the next kill, at most: there must be something left to read. */
const PAGES_A_KILL = 8;
const LATENCY_MS = 20;
const LOOK_EVERY_MS = 20;
/** A kill comes so long after the request that it waits for, and not before a worker is at work. */
const LATEST_MS = 150;
/** One kill in so many takes the worker that has just started. */
const KILLED_EARLY = 10;
const START_MS = 60_000;
const REST_MS = 10 * 60_000;

export interface IngestKillsOptions {
  readonly kills: number;
  readonly seed: number;
  readonly onProgress?: (line: string) => void;
}

export interface IngestKillsResult {
  readonly kills: number;
  readonly records: number;
  /** What the servers were asked for, and what of it would have been enough. */
  readonly requests: number;
  readonly pages: number;
  readonly takeovers: number;
  /** How many different snapshots readers saw, and what was wrong in them. */
  readonly looks: number;
  readonly outOfStep: number;
  readonly lost: number;
  readonly doubled: number;
  readonly seconds: number;
  readonly seed: number;
  /** For people. */
  readonly faults: readonly string[];
}

/**
 * Three sources are read while their workers are killed at random moments, and a reader looks on. Two workers run at any
 * time. After each kill the lease clock is moved on, instead of waiting for leases to run out.
 */
export async function runIngestKills(
  db: TestDatabase,
  { kills, seed, onProgress }: IngestKillsOptions,
): Promise<IngestKillsResult> {
  const start = performance.now();
  const pages = kills * PAGES_A_KILL;
  const kinds = { pages, pagesAWindow: Math.ceil(pages / WINDOWS), pageSize: PAGE, latencyMs: LATENCY_MS };
  await using fleet = await SourceFleet.start(db, threeKinds(kinds));
  const members = [...fleet.members.values()];
  const requests = () => sum(members.map(({ server }) => server.requests.length));
  const looks = new PositionLooks(await db.client(), members);
  const faults: string[] = [];
  let isOver = false;
  const looking = (async () => {
    while (!isOver) {
      faults.push(...(await looks.look()));
      await pause(LOOK_EVERY_MS);
    }
    faults.push(...(await looks.look()));
  })();
  looking.catch(() => {}); // Awaited below.

  const roll = dice(seed);
  const workers = [fleet.startWorker(), fleet.startWorker()];
  for (let killed = 0; killed < kills; killed++) {
    for (const { server } of members) server.faults.mostRequests = PAGES_A_KILL * (killed + 1);
    const least = requests() + roll(0, PAGES_A_KILL);
    await waitFor("its requests", () => requests() >= least, START_MS);
    await pause(roll(0, LATEST_MS));
    const isEarly = killed > 0 && roll(1, KILLED_EARLY) === 1;
    const victim = isEarly ? workers.at(-1)! : await oneAtWork(db, workers);
    await victim.kill();
    workers.splice(workers.indexOf(victim), 1);
    workers.push(fleet.startWorker());
    await fleet.releaseDead();
    if ((killed + 1) % 10 === 0)
      onProgress?.(`${killed + 1} kills, ${await progress(db)}, ${faults.length} faults`);
  }
  for (const { server } of members) {
    Object.assign(server.faults, { latencyMs: 0, mostRequests: Number.POSITIVE_INFINITY });
  }
  await fleet.complete(REST_MS);
  isOver = true;
  await looking;

  const differences: Difference[] = [];
  for (const member of members) {
    differences.push(await differenceOf(db, member, member.server.records()));
  }
  const { rows } = await db.query(
    "select coalesce(sum(1 + coalesce((details ->> 'repeated')::int, 0)), 0)::int as n from ampsync.events where event = 'lease_taken_over'",
  );
  const committed = await db.query("select sum(p.pages)::int as n from ampsync_private.part p");
  return {
    kills,
    records: sum(members.map(({ server }) => server.records().length)),
    requests: requests(),
    pages: committed.rows[0]!["n"],
    takeovers: rows[0]!["n"],
    looks: looks.sights,
    outOfStep: faults.length,
    lost: sum(differences.map(({ lost }) => lost)),
    doubled: sum(differences.map(({ doubled }) => doubled)),
    seconds: Math.round((performance.now() - start) / 1000),
    seed,
    faults,
  };
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

/** One of the workers that hold a source now. */
async function oneAtWork(db: TestDatabase, workers: readonly WorkerProcess[]): Promise<WorkerProcess> {
  let found: WorkerProcess | undefined;
  const look = async () => {
    const { rows } = await db.query(
      `select w.pid from ampsync_private.lease l join ampsync_private.worker w on w.worker_id = l.holder
        where l.lease_until > ampsync_private.now() order by l.stream_id`,
    );
    found = rows.flatMap((row) => workers.filter(({ pid }) => pid === row["pid"])).at(0);
    return found !== undefined;
  };
  await waitFor("a worker at work", look, START_MS);
  return found!;
}

async function progress(db: TestDatabase): Promise<string> {
  const { rows } = await db.query(
    "select d.label, s.row_total from ampsync_private.stream s join ampsync_private.dataset d using (dataset_id) order by 1",
  );
  return rows.map((row) => `${row["label"]} ${row["row_total"]}`).join(", ");
}
