import { readFile } from "node:fs/promises";

import pg from "pg";

import { AmpsyncError } from "../errors.ts";
import type { Queue, QueueRevision } from "../model/queue.ts";
import { byVersionDescending } from "../model/version.ts";
import { readSqlFiles, type SqlFiles, sourceHash } from "./sql-files.ts";

/** What `ampsync migrate` installed in a database. */
export interface Installed {
  readonly migrations: ReadonlyMap<string, { sha256: string; breaking: boolean; version: string }>;
  /** Hashes of the functions (together) and of each view, by name. */
  readonly sources: ReadonlyMap<string, { sha256: string; version: string }>;
  /** The queue in use, and all queues that were ever created or shared. */
  readonly queue: Queue | null;
  readonly queues: readonly Queue[];
}

/** Null if nothing was ever installed. */
export async function readInstalled(client: pg.ClientBase): Promise<Installed | null> {
  const { rows } = await client.query("select to_regclass('ampsync_private.migration') is not null as made");
  if (!rows[0].made) {
    return null;
  }
  const migrations = await client.query(
    "select name, sha256, breaking, version from ampsync_private.migration",
  );
  const sources = await client.query("select name, sha256, version from ampsync_private.source");
  const queues = await client.query(
    `select schema_name as schema, is_ours as "isOurs", is_current as "isCurrent" from ampsync_private.queue`,
  );
  return {
    migrations: new Map(migrations.rows.map((row) => [row.name, row])),
    sources: new Map(sources.rows.map((row) => [row.name, row])),
    queue: queues.rows.find((row) => row.isCurrent) ?? null,
    queues: queues.rows,
  };
}

/** The schema of the queue in use; null if there is none. Throws where nothing is installed. */
export async function recordedQueue(db: Pick<pg.ClientBase, "query">): Promise<string | null> {
  const { rows } = await db.query<{ schema: string }>(
    "select schema_name as schema from ampsync_private.queue where is_current",
  );
  return rows[0]?.schema ?? null;
}

/** What graphile-worker installed in a schema; null if there is no queue. */
export async function readQueueRevision(
  client: pg.ClientBase,
  schema: string,
): Promise<QueueRevision | null> {
  const table = `${pg.escapeIdentifier(schema)}.migrations`;
  const { rows } = await client.query("select to_regclass($1) is not null as made", [table]);
  if (!rows[0].made) {
    return null;
  }
  // Old queues lack the column `breaking`.
  const found = await client.query(
    `select coalesce(max(m.id), 0)::integer as newest,
            coalesce(max(m.id) filter (where (to_jsonb(m) ->> 'breaking')::boolean), 0)::integer as "newestBreaking"
       from ${table} m`,
  );
  return found.rows[0];
}

/**
 * The installed migrations of newer versions, which this program works with. Throws SY901 if one of them is
 * breaking, or if one of this program's own migrations had another text when it ran.
 */
export function foreignMigrations(files: SqlFiles, installed: Installed): readonly string[] {
  const known = new Map(files.migrations.map((file) => [file.name, file]));
  const unknown: string[] = [];
  for (const [name, row] of installed.migrations) {
    const file = known.get(name);
    if (file === undefined) {
      if (row.breaking) {
        throw new AmpsyncError("SY901", "the database is too new for this version of ampsync", {
          detail: `Migration ${name} of version ${row.version} is marked as breaking.`,
          hint: `Run ampsync ${row.version} or newer.`,
        });
      }
      unknown.push(name);
    } else if (file.sha256 !== row.sha256) {
      throw new AmpsyncError("SY901", `migration ${name} differs from the one that ran`, {
        detail: `The file's SHA-256 is ${file.sha256}, version ${row.version} ran ${row.sha256}.`,
        hint: "Restore the released file; put changes into a new migration.",
      });
    }
  }
  return unknown;
}

/**
 * What a worker of this program lacks in a database, in words; null if nothing. A newer schema is fine as long as
 * no migration of it is breaking, such as one that changes a routine that workers call: then SY901 is thrown.
 */
export async function missingFor(installed: Installed | null): Promise<string | null> {
  if (installed?.queue == null) {
    return "ampsync is not installed in this database";
  }
  const [files, version] = await Promise.all([readSqlFiles(installed.queue.schema), packageVersion()]);
  const isAhead = foreignMigrations(files, installed).length > 0;
  const pending = files.migrations.filter((file) => !installed.migrations.has(file.name));
  if (pending.length > 0) {
    return `the schema lacks ${pending.map((file) => file.name).join(", ")}`;
  }
  const functions = installed.sources.get("functions");
  if (isAhead || functions?.sha256 === sourceHash(files) || isNewer(functions?.version ?? "", version)) {
    return null;
  }
  return functions?.version === version
    ? `the functions in the database are those of another build of version ${version}`
    : `the functions in the database are those of version ${functions?.version}, and this program is version ${version}`;
}

export async function packageVersion(): Promise<string> {
  const text = await readFile(new URL("../../package.json", import.meta.url), "utf8");
  return String(JSON.parse(text).version);
}

function isNewer(version: string, than: string): boolean {
  return byVersionDescending(version, than) < 0;
}
