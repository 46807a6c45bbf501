import { setTimeout as pause } from "node:timers/promises";

import { dice } from "../dice.ts";
import type { TestDatabase } from "../postgres/database.ts";
import { waitFor } from "../wait-for.ts";
import { COMMANDS, type WorkerProcess } from "../worker/worker-process.ts";
import { type FleetMember, type FleetSource, SourceFleet } from "./source-fleet.ts";
import { threeKinds, WINDOWS } from "./three-kinds.ts";
import { differenceOf, PositionLooks } from "./truth.ts";

const PAGE = 20;
const PAGES_A_STOP = 12;
/** A stop comes after so many requests of its worker, and so much later. */
const MOST_REQUESTS = 15;
const LATEST_MS = 400;
/** Longer than a worker that stops waits for an answer. */
const TOO_LATE_MS = 9_000;
const START_MS = 60_000;
const REST_MS = 120_000;

export interface IngestStopsOptions {
  readonly stops: number;
  readonly seed: number;
  /** One stop in so many comes while a request is under way whose answer takes too long; null: none does. */
  readonly lateEvery: number | null;
  readonly onProgress?: (line: string) => void;
}

export interface IngestStopsResult {
  readonly stops: number;
  readonly requests: number;
  /** Requests that were given up, and asked again. */
  readonly givenUp: number;
  readonly slowestMs: number;
  readonly seconds: number;
  readonly seed: number;
  readonly faults: readonly string[];
}

/**
 * Workers are told to stop with SIGTERM at random moments, one after the other: in requests, in commits, while one source
 * waits for a permit and another one in back-off. Each ends with code 0, its leases given back, and no page is asked for twice
 * that was answered.
 */
export async function runIngestStops(
  db: TestDatabase,
  { stops, seed, lateEvery, onProgress }: IngestStopsOptions,
): Promise<IngestStopsResult> {
  const start = performance.now();
  const roll = dice(seed);
  await using fleet = await SourceFleet.start(db, sourcesFor(stops * PAGES_A_STOP));
  const members = [...fleet.members.values()];
  const looks = new PositionLooks(await db.client(), members);
  const cursors = fleet.members.get("cursors")!;
  const requests = () => members.reduce((sum, { server }) => sum + server.requests.length, 0);
  const faults: string[] = [];
  let givenUp = 0;
  let slowestMs = 0;
  for (let stop = 1; stop <= stops; stop++) {
    const before = requests();
    const worker = fleet.startWorker(COMMANDS["ampsync worker"]);
    const least = before + roll(0, MOST_REQUESTS);
    // Before that nobody listens: a process that is still being loaded ends by the signal itself.
    await waitFor("the worker", () => worker.hasSaid("looking for jobs"), START_MS);
    const isEnough = async () => requests() >= least || (await isComplete(fleet));
    await waitFor("its requests", isEnough, START_MS);
    await pause(roll(0, LATEST_MS));
    const isLate = lateEvery !== null && stop % lateEvery === 0 && (await delayOne(cursors));
    const since = performance.now();
    worker.signal("SIGTERM");
    const ending = await worker.ended;
    slowestMs = Math.max(slowestMs, performance.now() - since);
    if (isLate) givenUp++;
    const found = [...(await faultsOf(worker, ending, db)), ...(await looks.look())];
    found.push(...(await askedTwice(db, members, new Map([["cursors", givenUp]]))));
    faults.push(...found.map((fault) => `stop ${stop}${isLate ? ", late" : ""}: ${fault}`));
    for (const fault of found) onProgress?.(fault);
    if (stop % 5 === 0) onProgress?.(`${stop} stops, ${requests()} requests, ${faults.length} faults`);
  }
  fleet.startWorker(COMMANDS["ampsync worker"]);
  await fleet.complete(REST_MS);
  faults.push(...(await looks.look()), ...(await askedTwice(db, members, new Map([["cursors", givenUp]]))));
  for (const member of members) {
    const { lost, doubled } = await differenceOf(db, member, member.server.records());
    if (lost + doubled > 0) faults.push(`${member.name}: ${lost} lost, ${doubled} doubled`);
  }
  const seconds = Math.round((performance.now() - start) / 1000);
  return { stops, requests: requests(), givenUp, slowestMs: Math.round(slowestMs), seconds, seed, faults };
}

/** Three kinds; one whose limit is used up soon, and one whose API fails now and then. */
function sourcesFor(pages: number): readonly FleetSource[] {
  const few = { records: Math.min(pages, 30) * PAGE };
  const source = { query: { limit: PAGE } };
  return [
    ...threeKinds({ pages, pagesAWindow: Math.ceil(pages / WINDOWS), pageSize: PAGE, latencyMs: 80 }),
    {
      name: "limited",
      api: { ...few, rate: [{ requests: 6, perS: 2 }] },
      source: { ...source, rate_limit: { requests: 6, per: "2 seconds" } },
    },
    { name: "failing", api: { ...few, faults: { every: { n: 4, trouble: { status: 503 } } } }, source },
  ];
}

async function isComplete(fleet: SourceFleet): Promise<boolean> {
  return [...(await fleet.rows()).values()].every(({ state }) => state === "complete");
}

/** The next answer of this API comes too late. False: it is not asked any more. */
async function delayOne({ server }: FleetMember): Promise<boolean> {
  const { requests, faults } = server;
  faults.next.push({ lateMs: TOO_LATE_MS });
  const arrived = () => faults.next.length === 0 && requests.length > 0;
  try {
    await waitFor("a request that is answered late", arrived, 2_000);
    return true;
  } catch {
    faults.next.length = 0;
    return false;
  }
}

async function faultsOf(
  worker: WorkerProcess,
  { code, signal }: { readonly code: number | null; readonly signal: string | null },
  db: TestDatabase,
): Promise<readonly string[]> {
  const { rows } = await db.query("select from ampsync_private.lease l where l.holder is not null");
  return [
    ...(code === 0 ? [] : [`it ended with ${code ?? signal}\n${worker.tail()}`]),
    ...(worker.hasSaid("shutdown_complete") ? [] : ["it did not say that it was done"]),
    ...(rows.length === 0 ? [] : [`${rows.length} leases were not given back`]),
  ];
}

/** Each page that was answered is committed: what was answered, but what was given up, are the pages of all parts. */
async function askedTwice(
  db: TestDatabase,
  members: readonly FleetMember[],
  givenUp: ReadonlyMap<string, number>,
): Promise<readonly string[]> {
  const { rows } = await db.query<{ id: string; pages: number }>(
    "select p.stream_id::text as id, sum(p.pages)::int as pages from ampsync_private.part p group by 1",
  );
  return members.flatMap(({ name, streamId, server }) => {
    const answered = server.requests.filter(({ status }) => status === 200).length - (givenUp.get(name) ?? 0);
    const pages = rows.find(({ id }) => id === streamId)?.pages ?? 0;
    return answered === pages ? [] : [`${name}: ${answered} pages were answered, ${pages} are committed`];
  });
}
