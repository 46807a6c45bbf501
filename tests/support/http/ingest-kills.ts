import { setTimeout as pause } from "node:timers/promises";

import type { ApiServer } from "../../../src/devserver/http/api-server.ts";
import { dice } from "../dice.ts";
import type { TestDatabase } from "../postgres/database.ts";
import { waitFor } from "../wait-for.ts";
import type { WorkerProcess } from "../worker/worker-process.ts";
import { type FleetMember, SourceFleet } from "./source-fleet.ts";
import { threeKinds, WINDOWS } from "./three-kinds.ts";
import { type Difference, differenceOf, PositionLooks } from "./truth.ts";

const PAGE = 20;
/** Of each source, for each kill: pages that one worker reads, at least. */
const PAGES_A_KILL = 4;
const LOOK_EVERY_MS = 20;
/** A worker is killed so long after the last one was, and not before one is at work. */
const FIRST_MS = 300;
const LAST_MS = 2_000;
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
  const kinds = { pages, pagesAWindow: Math.ceil(pages / WINDOWS), pageSize: PAGE, latencyMs: 20 };
  await using fleet = await SourceFleet.start(db, threeKinds(kinds));
  const members = [...fleet.members.values()];
  const counts = new Map(members.map(({ streamId, server }) => [streamId, server.records().length]));
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
    await pause(roll(FIRST_MS, LAST_MS));
    const isEarly = roll(1, KILLED_EARLY) === 1;
    await waitFor("a worker at work", () => workers.some(isAtWork), START_MS);
    const victim = isEarly ? workers.at(-1)! : workers.find(isAtWork)!;
    await victim.kill();
    workers.splice(workers.indexOf(victim), 1);
    workers.push(fleet.startWorker());
    await fleet.releaseDead();
    await pace(db, members, counts, (killed + 1) / kills);
    if ((killed + 1) % 10 === 0)
      onProgress?.(`${killed + 1} kills, ${await progress(db)}, ${faults.length} faults`);
  }
  for (const { server } of members) server.faults.latencyMs = 0;
  await fleet.complete(REST_MS);
  isOver = true;
  await looking;

  const differences: Difference[] = [];
  for (const member of members) {
    differences.push(await differenceOf(db, member, member.server.records()));
  }
  const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);
  const { rows } = await db.query(
    "select coalesce(sum(1 + coalesce((details ->> 'repeated')::int, 0)), 0)::int as n from ampsync.events where event = 'lease_taken_over'",
  );
  const committed = await db.query("select sum(p.pages)::int as n from ampsync_private.part p");
  return {
    kills,
    records: sum([...counts.values()]),
    requests: sum(members.map(({ server }) => server.requests.length)),
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

function isAtWork(worker: WorkerProcess): boolean {
  return worker.hasSaid("lease_acquired");
}

/** Servers that are read faster than their readers are killed answer later: there must be something left to read. */
async function pace(
  db: TestDatabase,
  members: readonly FleetMember[],
  counts: ReadonlyMap<string, number>,
  due: number,
): Promise<void> {
  const { rows } = await db.query<{ id: string; rows: number }>(
    "select stream_id::text as id, row_total::int as rows from ampsync_private.stream",
  );
  for (const { streamId, server } of members) {
    const read = rows.find(({ id }) => id === streamId)!.rows / counts.get(streamId)!;
    slowDown(server, read > due ? 1.5 : 0.67);
  }
}

function slowDown({ faults }: ApiServer, by: number): void {
  faults.latencyMs = Math.max(5, Math.min(400, faults.latencyMs * by));
}

async function progress(db: TestDatabase): Promise<string> {
  const { rows } = await db.query(
    "select d.label, s.row_total from ampsync_private.stream s join ampsync_private.dataset d using (dataset_id) order by 1",
  );
  return rows.map((row) => `${row["label"]} ${row["row_total"]}`).join(", ");
}
