import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

import type { TestDatabase } from "../postgres/database.ts";
import { waitFor } from "../wait-for.ts";
import { SourceFleet } from "./source-fleet.ts";
import { differenceOf } from "./truth.ts";

/** The fetching has stopped when so many looks in a row find no further request, and no further permit. */
const SAME_LOOKS = 20;
const REST_MS = 120_000;
const MIB = 1024 * 1024;

export interface LockedTargetOptions {
  readonly records: number;
  readonly pageSize: number;
  /** How long the lock is held once the fetching has stopped. */
  readonly seconds: number;
}

export interface LockedTargetResult {
  /** Records that were served and not stored while the target was locked, at most. */
  readonly waiting: number;
  readonly pageMiB: number;
  /** The most memory that the worker ever had. */
  readonly rssMiB: number;
  readonly faults: readonly string[];
}

/** A source is read while somebody locks its table: fetching stops, no permit is taken meanwhile, and then it goes on. */
export async function runLockedTarget(
  db: TestDatabase,
  { records, pageSize, seconds }: LockedTargetOptions,
): Promise<LockedTargetResult> {
  const pages = { maxSize: pageSize };
  await using fleet = await SourceFleet.start(db, [
    { name: "events", api: { records, faults: { pages } }, source: { query: { limit: pageSize } } },
  ]);
  const member = fleet.members.get("events")!;
  const { requests } = member.server;
  const stored = async () => (await fleet.rows()).get("events")!.records;
  const worker = fleet.startWorker();
  await waitFor("the first commit", async () => (await stored()) > 0);
  const blocker = await db.client();
  await blocker.query("begin; lock table public.events in share mode");
  const committed = await stored();
  const waits =
    "select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
  await waitFor("a commit that waits", async () => (await db.query(waits)).rows.length > 0);
  let last = "";
  let same = 0;
  const look = async () => `${requests.length} requests, ${await permits(db)} permits`;
  await waitFor("the fetching to stop", async () => {
    const now = await look();
    same = now === last ? same + 1 : 0;
    last = now;
    return same === SAME_LOOKS;
  });
  await pause(seconds * 1000);
  const now = await look();
  const waiting = requests.reduce((sum, request) => sum + request.records, 0) - committed;
  const faults = now === last ? [] : [`while the table was locked: ${last}, then ${now}`];
  await blocker.query("rollback");
  await fleet.complete(REST_MS);
  const { lost, doubled } = await differenceOf(db, member, member.server.records());
  if (lost + doubled > 0) faults.push(`${lost} lost, ${doubled} doubled`);
  const pageBytes = member.server.records().slice(0, pageSize).join().length;
  return { waiting, pageMiB: rounded(pageBytes / MIB), rssMiB: mostMiB(worker.pid), faults };
}

async function permits(db: TestDatabase): Promise<number> {
  const { rows } = await db.query("select sum(l.sent)::int as sent from ampsync.rate_limits l");
  return rows[0]!["sent"];
}

function mostMiB(pid: number): number {
  const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))!;
  return rounded(Number(kib) / 1024);
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
