import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import pg from "pg";

import { DEFAULT_QUEUE } from "../model/queue.ts";

/** One file of the `sql` folder; `name` is its path in that folder, e.g. `functions/view/1_streams.sql`. */
export interface SqlFile {
  readonly name: string;
  readonly text: string;
  readonly sha256: string;
}

export interface SqlFiles {
  /** Runs before the first migration. */
  readonly bootstrap: SqlFile;
  readonly migrations: readonly SqlFile[];
  readonly functions: readonly SqlFile[];
  readonly views: readonly SqlFile[];
}

/** `src/install` and `dist/install` are both two levels below the root. */
const SQL_FOLDER = fileURLToPath(new URL("../../sql", import.meta.url));

/**
 * Reads everything that an installation runs, each kind in the order in which it runs. Functions and views name the
 * queue `graphile_worker`, its default name, which is replaced by the actual one.
 */
export async function readSqlFiles(queueSchema = DEFAULT_QUEUE): Promise<SqlFiles> {
  const [bootstrap, migrations, all] = await Promise.all([
    readSqlFile("bootstrap.sql"),
    readFolder("migrations"),
    readFolder("functions"),
  ]);
  const routed = queueSchema === DEFAULT_QUEUE ? all : all.map((file) => withQueue(file, queueSchema));
  const isView = ({ name }: SqlFile) => name.startsWith("functions/view/") && !name.includes("/private/");
  return {
    bootstrap,
    migrations,
    functions: routed.filter((file) => !isView(file)),
    views: routed.filter(isView),
  };
}

function withQueue({ name, text }: SqlFile, queueSchema: string): SqlFile {
  const routed = text.replaceAll(`${DEFAULT_QUEUE}.`, `${pg.escapeIdentifier(queueSchema)}.`);
  return { name, text: routed, sha256: sha256(routed) };
}

/** The hash of all functions together. */
export function sourceHash({ functions }: SqlFiles): string {
  return sha256(functions.map((file) => `${file.name} ${file.sha256}\n`).join(""));
}

/** Whether older code is forbidden to run on a database that has this migration. */
export function isBreaking(file: SqlFile): boolean {
  return /^--! breaking\b/.test(file.text);
}

/** Names of view files begin with a number for their order: `functions/view/2_status.sql` holds `status`. */
export function viewName(file: SqlFile): string {
  return file.name.replace(/^.*\/(\d+_)?/, "").replace(/\.sql$/, "");
}

export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

async function readFolder(folder: string): Promise<SqlFile[]> {
  const paths = await readdir(join(SQL_FOLDER, folder), { recursive: true });
  const names = paths.filter((path) => path.endsWith(".sql")).map((path) => `${folder}/${path}`);
  return Promise.all(names.sort().map(readSqlFile));
}

async function readSqlFile(name: string): Promise<SqlFile> {
  const text = await readFile(join(SQL_FOLDER, name), "utf8");
  return { name, text, sha256: sha256(text) };
}
