import { spawn } from "node:child_process";
import { mkdir, open, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, relative } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import type pg from "pg";

import { SETTINGS } from "../config/settings.ts";
import { createPool } from "../db/pool.ts";
import type { GatewayProgram } from "../demo/gateways.ts";
import { startEmbeddedPostgres } from "../embedded/postgres.ts";
import { AmpsyncError } from "../errors.ts";
import { migrate } from "../install/migrate.ts";
import { createLog } from "../log.ts";
import { watchWorker } from "./demo-worker.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FOLDER = join(ROOT, ".ampsync", "demo");

/** After that a demo gives up waiting for what it compares to be equal. */
export const CATCH_UP_DEADLINE_MS = 60_000;

export interface DemoOptions {
  /** Run unattended: verify, then exit. */
  readonly once: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly isTerminal: boolean;
  readonly print: (text: string) => void;
  readonly signal: AbortSignal;
}

/** What every demo stands on: a PostgreSQL of its own with the schema in it, and a worker. */
export class DemoStage {
  /** Of the database. */
  readonly url: string;
  readonly pool: pg.Pool;
  readonly #stack: AsyncDisposableStack;
  readonly #options: DemoOptions;

  private constructor(url: string, pool: pg.Pool, stack: AsyncDisposableStack, options: DemoOptions) {
    this.url = url;
    this.pool = pool;
    this.#stack = stack;
    this.#options = options;
  }

  /** All of it ends with the stack. */
  static async open(stack: AsyncDisposableStack, options: DemoOptions): Promise<DemoStage> {
    const { print } = options;
    await mkdir(FOLDER, { recursive: true });
    print("Starting PostgreSQL …");
    const server = await startEmbeddedPostgres({ dataDir: join(FOLDER, "postgres"), persistent: true });
    stack.defer(() => server.stop());
    if (server.attached) {
      throw new AmpsyncError("SY902", "another demo is already running", {
        hint: "Stop it with Ctrl-C in its terminal.",
      });
    }
    const url = await freshDatabase(server.connectionString("postgres"), server.connectionString("demo"));
    const log = createLog("error", (line) => print(line));
    await migrate(url, { log });
    const pool = createPool({ url, max: 2, queryTimeoutMs: 10_000, name: "ampsync demo" }, log);
    stack.defer(() => pool.end());
    return new DemoStage(url, pool, stack, options);
  }

  /** The plain graphile-worker command with our graphile.config.mjs: what a container runs. */
  async startWorker(settings: Readonly<Record<string, string>>): Promise<void> {
    const { env, print } = this.#options;
    const cli = join(createRequire(import.meta.url).resolve("graphile-worker"), "..", "cli.js");
    await using log = await open(join(FOLDER, "worker.log"), "w");
    const worker = spawn(process.execPath, [cli], {
      cwd: ROOT,
      env: { ...withoutSettings(env), DATABASE_URL: this.url, ...settings },
      stdio: ["ignore", log.fd, log.fd],
      detached: true,
    });
    this.#stack.defer(watchWorker(worker, print));
    print(`  worker: graphile-worker, process ${worker.pid}, log in .ampsync/demo/worker.log\n`);
  }

  /** What runs a gateway of this database; their log ends with the stack. */
  async gatewayProgram(): Promise<GatewayProgram> {
    const log = await open(join(FOLDER, "gateways.log"), "w");
    this.#stack.defer(() => log.close());
    return {
      command: [process.execPath, join(ROOT, "dist", "cli", "main.js"), "gateway"],
      env: { ...withoutSettings(this.#options.env), DATABASE_URL: this.url },
      log: log.fd,
    };
  }

  /** The command that opens psql. Whoever sees it still needs the password, which is in a file for its owner alone. */
  async psqlCommand(): Promise<string> {
    const { hostname, port, username, password, pathname } = new URL(this.url);
    const file = join(FOLDER, "pg_service.conf");
    const lines = [
      `host=${hostname}`,
      `port=${port}`,
      `user=${username}`,
      `password=${decodeURIComponent(password)}`,
    ];
    await rm(file, { force: true }); // The mode is that of a new file.
    await writeFile(file, ["[demo]", ...lines, `dbname=${pathname.slice(1)}`, ""].join("\n"), {
      mode: 0o600,
    });
    return `PGSERVICEFILE=${relative(process.cwd(), file)} psql service=demo`;
  }
}

/** Looks again and again until there is no difference, or for too long; resolves to what was found last. */
export async function untilEqual(
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

/** The settings, and the secrets, of another worker would aim this one elsewhere, or contradict its own. */
function withoutSettings(env: DemoOptions["env"]): NodeJS.ProcessEnv {
  const { logLevels, ...others } = SETTINGS;
  const names = Object.values(others).flatMap((setting) => setting.names);
  return Object.fromEntries(
    Object.entries(env).filter(
      ([name]) => !names.some((each) => each === name) && !name.startsWith("AMPSYNC_SECRET_"),
    ),
  );
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
