import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { BackendCpu } from "./backend-cpu.ts";
import type { CopyJob } from "./copy-client.ts";
import type { Database } from "./lab.ts";
import { walPosition } from "./load.ts";

const CLIENT = fileURLToPath(new URL("copy-client.ts", import.meta.url));
const LOOK_MS = 50;

export interface Baseline {
  readonly seconds: number;
  readonly backendCpuS: number;
  readonly walBytes: number;
}

export interface BaselineTable {
  /** The loaded table; another one like it is filled. */
  readonly table: string;
  readonly file: string;
}

/** Who copies: psql where there is one, else a client of ours. */
export const copyClient: "psql" | "own client" =
  spawnSync("psql", ["--version"]).status === 0 ? "psql" : "own client";

/** Bare COPYs of files into empty tables, all at once. */
export function bareCopy(database: Database, tables: readonly BaselineTable[]): Promise<Baseline> {
  return measured(database, tables, (table, file) =>
    copyClient === "psql"
      ? [
          "psql",
          [
            "-X",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-c",
            `\\copy ${table} from '${file}' (format binary)`,
            database.url,
          ],
        ]
      : ownClient({ way: "copy", url: database.url, table, file }),
  );
}

/** Batches through a temporary table, with ON CONFLICT, under random keys; all tables at once. */
export function tempTableWay(database: Database, tables: readonly BaselineTable[]): Promise<Baseline> {
  return measured(database, tables, (table, file) =>
    ownClient({ way: "temp table", url: database.url, table, file }),
  );
}

function ownClient(job: CopyJob): [string, string[]] {
  return [process.execPath, [CLIENT, JSON.stringify(job)]];
}

async function measured(
  database: Database,
  tables: readonly BaselineTable[],
  command: (table: string, file: string) => [string, string[]],
): Promise<Baseline> {
  const bare = (table: string) => `${table}_bare`;
  for (const table of new Set(tables.map((each) => each.table))) {
    await database.query(`drop table if exists ${bare(table)}`);
    await database.query(`create table ${bare(table)} (like ${table} including all)`);
  }
  const jobs = tables.map(({ table, file }) => command(bare(table), file));
  const backends = new BackendCpu(database);
  await database.query("checkpoint");
  const walFrom = await walPosition(database);
  await backends.begin();
  const start = performance.now();
  let isOver = false;
  const work = Promise.all(jobs.map(([program, args]) => run(program, args))).finally(() => {
    isOver = true;
  });
  while (!isOver) {
    await backends.sample();
    await Promise.race([work, pause(LOOK_MS)]);
  }
  const seconds = (performance.now() - start) / 1000;
  return {
    seconds,
    backendCpuS: await backends.usedS(),
    walBytes: (await walPosition(database)) - walFrom,
  };
}

async function run(program: string, args: readonly string[]): Promise<void> {
  const child = spawn(program, args, { stdio: ["ignore", "inherit", "inherit"] });
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`${program} ended with ${code}`);
}
