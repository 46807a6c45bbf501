import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, open } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { SETTINGS } from "../config/settings.ts";
import { createPool } from "../db/pool.ts";
import { Reads } from "../db/reads.ts";
import { startDevServer } from "../devserver/server.ts";
import { startEmbeddedPostgres } from "../embedded/postgres.ts";
import { AmpsyncError } from "../errors.ts";
import { migrate } from "../install/migrate.ts";
import { createLog } from "../log.ts";
import { type DemoChain, startDemoChain } from "./demo-chain.ts";
import { DemoScreen } from "./demo-screen.ts";
import { differences } from "./demo-verify.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MINE_EVERY_MS = 700;
const REORG_DEPTH = 6;
const CATCH_UP_DEADLINE_MS = 60_000;

export interface DemoOptions {
  /** Run unattended: verify, then exit. */
  readonly once: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly isTerminal: boolean;
  readonly print: (text: string) => void;
  readonly signal: AbortSignal;
}

/** Runs the whole product on this machine. Resolves to the exit code: 0 if the tables equal the chain. */
export async function runDemo({
  once: isUnattended,
  env,
  isTerminal,
  print,
  signal,
}: DemoOptions): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const folder = join(ROOT, ".ampsync", "demo");
  await mkdir(folder, { recursive: true });

  print("Starting PostgreSQL …");
  const server = await startEmbeddedPostgres({ dataDir: join(folder, "postgres"), persistent: true });
  stack.defer(() => server.stop());
  if (server.attached) {
    throw new AmpsyncError("SY902", "another demo is already running", {
      hint: "Stop it with Ctrl-C in its terminal.",
    });
  }
  const url = await freshDatabase(server.connectionString("postgres"), server.connectionString("demo"));
  const silent = createLog("error", (line) => print(line));
  await migrate(url, { log: silent });

  print("Starting a chain and mining its first blocks …");
  const chain = await startDemoChain();
  stack.defer(() => chain.stop());
  print(`  ${chain.title}`);
  const amp = await startDevServer({ source: chain.source });
  stack.defer(() => amp.stop());
  print(`  development Amp server: Flight ${amp.flightAddress}, Admin API ${amp.adminAddress}`);

  const logFile = join(folder, "worker.log");
  const worker = await startWorker(logFile, {
    ...withoutSettings(env),
    DATABASE_URL: url,
    AMP_FLIGHT_ADDR: amp.flightAddress,
    AMP_ADMIN_API_ADDR: amp.adminAddress,
  });
  stack.defer(() => stopWorker(worker));
  print(`  worker: graphile-worker, process ${worker.pid}, log in .ampsync/demo/worker.log\n`);

  const pool = createPool({ url, max: 2, queryTimeoutMs: 10_000, name: "ampsync demo" }, silent);
  stack.defer(() => pool.end());
  print("demo=# select ampsync.enqueue_sync('anvil');\n");
  await pool.query("select ampsync.enqueue_sync('anvil')");

  const screen = new DemoScreen(new Reads(pool), print, isTerminal);
  stack.defer(() => screen.stop());
  screen.start();

  try {
    await mineFor(chain, 6_000, signal);
    await chain.reorg(REORG_DEPTH);
    print(`The chain replaces its last ${REORG_DEPTH} blocks.\n`);
    await mineFor(chain, 3_000, signal);
    const different = await untilEqual(() => differences(pool, chain), signal);
    await screen.stop();
    const height = (await chain.blocks()).length;
    if (different.length > 0) {
      print(`NOT EQUAL after ${CATCH_UP_DEADLINE_MS / 1000} s:\n  ${different.slice(0, 10).join("\n  ")}`);
      return 1;
    }
    print(
      `Equal: anvil.blocks, anvil.logs and anvil.transactions hold exactly the ${height} blocks of the chain.\n`,
    );
    if (!isUnattended) {
      print(invitation(url));
      print("The chain goes on. Stop with Ctrl-C.\n");
      screen.start();
      await mineFor(chain, Number.POSITIVE_INFINITY, signal);
    }
    return 0;
  } catch (error) {
    if (!signal.aborted) throw error;
    await screen.stop();
    print("\nStopping …");
    return isUnattended ? 1 : 0;
  }
}

/** The settings of another worker would aim this one elsewhere, or contradict its own. */
function withoutSettings(env: DemoOptions["env"]): NodeJS.ProcessEnv {
  const { logLevels, ...others } = SETTINGS;
  const names = Object.values(others).flatMap((setting) => setting.names);
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.some((each) => each === name)));
}

async function freshDatabase(adminUrl: string, url: string): Promise<string> {
  const log = createLog("error", () => {});
  const admin = createPool({ url: adminUrl, max: 1, queryTimeoutMs: 0, name: "ampsync demo" }, log);
  try {
    await admin.query("drop database if exists demo with (force)");
    await admin.query("create database demo");
    return url;
  } finally {
    await admin.end();
  }
}

/** The plain graphile-worker command with our graphile.config.mjs: what a container runs. */
async function startWorker(logFile: string, env: NodeJS.ProcessEnv): Promise<ChildProcess> {
  const cli = join(createRequire(import.meta.url).resolve("graphile-worker"), "..", "cli.js");
  await using log = await open(logFile, "w");
  return spawn(process.execPath, [cli], {
    cwd: ROOT,
    env,
    stdio: ["ignore", log.fd, log.fd],
    detached: true,
  });
}

async function stopWorker(worker: ChildProcess): Promise<void> {
  if (worker.exitCode === null && worker.signalCode === null) {
    worker.kill("SIGTERM");
    await once(worker, "exit");
  }
}

async function mineFor(chain: DemoChain, ms: number, signal: AbortSignal): Promise<void> {
  const end = performance.now() + ms;
  while (performance.now() < end) {
    await chain.mine();
    await pause(MINE_EVERY_MS, undefined, { signal });
  }
}

async function untilEqual(
  compare: () => Promise<readonly string[]>,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const deadline = performance.now() + CATCH_UP_DEADLINE_MS;
  while (true) {
    const different = await compare();
    if (different.length === 0 || performance.now() > deadline) {
      return different;
    }
    await pause(100, undefined, { signal });
  }
}

function invitation(url: string): string {
  return `See for yourself:

  psql '${url}'

  select * from ampsync.streams;
  select * from ampsync.status;
  select event, table_name, details from ampsync.events order by event_id desc limit 10;
  select _block_num, encode(hash, 'hex') as hash, gas_used from anvil.blocks order by _block_num desc limit 5;
  select b._block_num, count(*) from anvil.blocks b join anvil.logs l on l.block_hash = b.hash group by 1 order by 1 desc limit 5;
`;
}
