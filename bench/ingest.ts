import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pipeline } from "node:stream/promises";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import pg from "pg";
import { from as copyFrom, to as copyTo } from "pg-copy-streams";

import { startEmbeddedPostgres } from "../src/embedded/postgres.ts";
import { migrate } from "../src/install/migrate.ts";
import { createLog } from "../src/log.ts";
import { COMMANDS, environmentOf, MAIN } from "../tests/support/worker/worker-process.ts";
import { machine, median } from "./machine.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const LOGS_PER_BLOCK = 100;
const TABLE = "bench.logs";

/** As docs/operations.md advises for a backfill; fsync stays on. */
const SETTINGS = { shared_buffers: "1GB", max_wal_size: "8GB", checkpoint_timeout: "30min" };

export interface IngestOptions {
  readonly rows: number;
  readonly rounds: number;
  readonly json: boolean;
}

interface Round {
  readonly ingestMs: number;
  readonly copyMs: number;
  readonly workerRssMib: number;
}

/**
 * Loads a generated chain of logs through the whole product, from a server in
 * another process, and the identical COPY bytes through a bare COPY, in turns in
 * one run. The clock of the load starts with enqueue_sync and stops when the
 * last row is visible.
 */
export async function benchIngest(options: IngestOptions): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "ampsync-bench-"));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const postgres = await startEmbeddedPostgres({
    dataDir: join(folder, "postgres"),
    persistent: true,
    settings: SETTINGS,
  });
  stack.defer(() => postgres.stop());
  const blocks = Math.ceil(options.rows / LOGS_PER_BLOCK);
  const amp = await startServer(blocks);
  stack.defer(() => stop(amp.process));

  const rounds: Round[] = [];
  for (let round = 1; round <= options.rounds; round++) {
    const url = await createDatabase(postgres.connectionString("postgres"), `bench_${round}`);
    const result = await oneRound(url, amp, blocks, join(folder, "rows.copy"));
    rounds.push(result);
    console.error(
      `round ${round}: load ${Math.round(result.ingestMs)} ms, bare COPY ${Math.round(result.copyMs)} ms`,
    );
    await dropDatabase(postgres.connectionString("postgres"), `bench_${round}`);
  }
  report(options, blocks * LOGS_PER_BLOCK, rounds);
}

async function oneRound(url: string, amp: AmpServer, blocks: number, file: string): Promise<Round> {
  await migrate(url, { log: createLog("error", (line) => process.stderr.write(line)) });
  await using db = await connect(url);
  const worker = await startWorker(url, amp);
  let ingestMs: number;
  let workerRssMib: number;
  try {
    await db.query("checkpoint");
    const start = performance.now();
    await db.query("select ampsync.enqueue_sync('anvil', tables => '{logs}', target_schema => 'bench')");
    while ((await checkpoint(db)) < blocks - 1) {
      await pause(5);
    }
    ingestMs = performance.now() - start;
    workerRssMib = await peakRssMib(worker);
  } finally {
    await stop(worker);
  }

  // The very bytes: what COPY reads back is what COPY was fed, in the same order and format.
  await pipeline(db.query(copyTo(`copy ${TABLE} to stdout (format binary)`)), createWriteStream(file));
  await db.query(`create table bench.bare (like ${TABLE} including all)`);
  await db.query("checkpoint");
  const start = performance.now();
  await pipeline(
    createReadStream(file, { highWaterMark: 1024 * 1024 }),
    db.query(copyFrom("copy bench.bare from stdin (format binary)")),
  );
  const copyMs = performance.now() - start;
  return { ingestMs, copyMs, workerRssMib };
}

function report({ json }: IngestOptions, rows: number, rounds: readonly Round[]): void {
  const rowsPerS = median(rounds.map((round) => rows / (round.ingestMs / 1000)));
  const rawRowsPerS = median(rounds.map((round) => rows / (round.copyMs / 1000)));
  const result = {
    rows,
    rounds: rounds.length,
    rows_per_s: Math.round(rowsPerS),
    raw_copy_rows_per_s: Math.round(rawRowsPerS),
    ratio_raw_copy: Number((rowsPerS / rawRowsPerS).toFixed(3)),
    worker_rss_mib: Math.max(...rounds.map((round) => round.workerRssMib)),
    ...machine(),
  };
  console.log(
    json
      ? JSON.stringify(result)
      : Object.entries(result)
          .map(([key, value]) => `${key.padEnd(20)} ${value}`)
          .join("\n"),
  );
}

async function checkpoint(db: pg.Client): Promise<number> {
  const { rows } = await db.query("select watermark_block_num as block from ampsync.checkpoints");
  return rows.length === 0 ? -1 : Number(rows[0].block);
}

interface AmpServer {
  readonly process: ChildProcess;
  readonly flightAddress: string;
  readonly adminAddress: string;
}

async function startServer(blocks: number): Promise<AmpServer> {
  const args = ["devserver", "generated", "--blocks", `${blocks}`, "--logs-per-block", `${LOGS_PER_BLOCK}`];
  const child = spawn(
    process.execPath,
    [MAIN, ...args, "--flight-port", "0", "--admin-port", "0", "--json"],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  const { flightAddress, adminAddress } = JSON.parse(line);
  return { process: child, flightAddress, adminAddress };
}

/** The plain graphile-worker command; resolves when it looks for jobs. */
async function startWorker(url: string, amp: AmpServer): Promise<ChildProcess> {
  const child = spawn(process.execPath, COMMANDS["graphile-worker"], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...environmentOf({ databaseUrl: url, ...amp }), AMP_LOG: "warn" },
  });
  await once(createInterface({ input: child.stdout }), "line");
  child.stdout.resume();
  return child;
}

/** As Linux counts it; NaN elsewhere. */
async function peakRssMib({ pid }: ChildProcess): Promise<number> {
  const { readFile } = await import("node:fs/promises");
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return Math.round(Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN) / 1024);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill("SIGTERM");
    await once(child, "exit");
  }
}

async function connect(url: string): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}

async function createDatabase(adminUrl: string, name: string): Promise<string> {
  await using admin = await connect(adminUrl);
  await admin.query(`create database ${name}`);
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  return url.href;
}

async function dropDatabase(adminUrl: string, name: string): Promise<void> {
  await using admin = await connect(adminUrl);
  await admin.query(`drop database ${name} with (force)`);
}
