import { execFile } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { BackendCpu } from "../lab/backend-cpu.ts";
import type { Database, Lab } from "../lab/lab.ts";
import { MeasuredWorker } from "../lab/measured-worker.ts";
import { cpuS } from "../lab/process-figures.ts";
import type { BenchApi } from "./api-server.ts";
import { WHOLE } from "./definitions.ts";
import type { ClientJob } from "./page-client.ts";
import { bareCopy, type Timed } from "./session.ts";

const CLIENT = fileURLToPath(new URL("page-client.ts", import.meta.url));
const NOWHERE = "http://127.0.0.1:1";
const LOOK_MS = 10;

export interface Loaded extends Timed {
  readonly workerCpuS: number;
  readonly serverCpuS: number;
  readonly workerRssMib: number;
}

export interface Round {
  readonly ours: Loaded;
  readonly copy: Timed;
  /** Seconds. */
  readonly byRow: number;
  readonly byPage: number;
}

/** All records of the API through the whole product; then a bare COPY of the rows, and two clients that read the API. */
export async function loadInTurns(lab: Lab, api: BenchApi, records: number): Promise<Round> {
  await using database = await lab.createDatabase();
  const ours = await load(database, api, records, WHOLE);
  const copy = await bareCopy(lab, database, "public.events");
  const client = async (way: ClientJob["way"]) => {
    const table = `public.client_${way}`;
    await database.query(`create table ${table} (like public.events including all)`);
    await database.query("checkpoint");
    const job: ClientJob = { databaseUrl: database.url, url: api.url, table, way };
    const { stdout } = await promisify(execFile)(process.execPath, [CLIENT, JSON.stringify(job)]);
    return Number(stdout);
  };
  return { ours, copy, byPage: await client("page"), byRow: await client("row") };
}

/** From enqueue_http to the last visible row. */
export async function load(
  database: Database,
  api: BenchApi,
  records: number,
  definition: object,
): Promise<Loaded> {
  await using worker = await startWorker(database, api);
  const backends = new BackendCpu(database);
  await database.query("checkpoint");
  await backends.begin();
  const serverBefore = cpuS(api.pid);
  worker.begin();
  const start = performance.now();
  await enqueue(database, api, definition);
  for (let rows = 0; rows < records; await pause(LOOK_MS)) {
    await backends.sample();
    const [row] = await database.query("select row_total::int as rows from ampsync_private.stream");
    rows = row!["rows"];
    if (worker.hasEnded) throw new Error(worker.tail());
  }
  const seconds = (performance.now() - start) / 1000;
  const { cpuS: workerCpuS, peakRssMib: workerRssMib } = worker.used();
  const serverCpuS = cpuS(api.pid) - serverBefore;
  return { seconds, backendCpuS: await backends.usedS(), workerCpuS, serverCpuS, workerRssMib };
}

export async function enqueue(database: Database, api: BenchApi, definition: object): Promise<void> {
  const source = { ...definition, url: api.url };
  await database.query("select ampsync.enqueue_http('events', $1, target => 'public.events')", [
    JSON.stringify(source),
  ]);
}

export function startWorker({ url }: Database, api: BenchApi): Promise<MeasuredWorker> {
  return MeasuredWorker.start({
    ...{ databaseUrl: url, flightAddress: NOWHERE, adminAddress: NOWHERE },
    env: { AMPSYNC_HTTP_ALLOW: new URL(api.url).origin },
  });
}
