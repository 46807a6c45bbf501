import { type Extensions, PGlite } from "@electric-sql/pglite";

import type { Database } from "./database.ts";
import { nodeIfThere } from "./node-files.ts";
import { STORE_FORMAT, STORE_SCHEMA } from "./schema.ts";
import { lockStore } from "./store-lock.ts";

export type StoreKind = "memory" | "directory" | "opfs" | "idb";

export interface Store {
  readonly pg: Database;
  readonly kind: StoreKind;
  /** At least so long between two commits, where each writes whole files. */
  readonly pauseMs: number;
  /** Gives the store back to others. */
  readonly release: () => void;
}

/** 16 MiB of WAL as a browser would write it with each commit become one; and WAL stays small. */
const SEGMENTS = ["--wal-segsize=1"];
const SETTINGS = ["min_wal_size=2MB", "max_wal_size=32MB"];

/** Opens the database of a store, or makes it. A name without a kind: OPFS in browsers, a directory in Node. */
export async function openStore(name: string, extensions: Extensions = {}): Promise<Store> {
  const node = nodeIfThere();
  const { kind, dataDir } = placeOf(name, node === null);
  const release = kind === "directory" && node !== null ? await lockStore(node, dataDir) : () => {};
  try {
    const pg = await PGlite.create({
      dataDir,
      extensions,
      initDbStartParams: SEGMENTS,
      startParams: [...PGlite.defaultStartParams, ...SETTINGS.flatMap((setting) => ["-c", setting])],
    });
    await prepare(pg);
    return { pg, kind, pauseMs: kind === "idb" ? 1_000 : 0, release };
  } catch (error) {
    release();
    throw error;
  }
}

function placeOf(name: string, inBrowser: boolean): { kind: StoreKind; dataDir: string } {
  if (name.startsWith("memory://")) return { kind: "memory", dataDir: name };
  if (name.startsWith("opfs-ahp://")) return { kind: "opfs", dataDir: name };
  if (name.startsWith("idb://")) return { kind: "idb", dataDir: name };
  if (inBrowser) return { kind: "opfs", dataDir: `opfs-ahp://${name}` };
  // One spelling, so that there is one lock beside it.
  return { kind: "directory", dataDir: name.replace(/^file:\/\//, "").replace(/(?<=.)\/+$/, "") };
}

async function prepare(pg: Database): Promise<void> {
  await pg.exec(STORE_SCHEMA);
  await pg.query("insert into ampsync.state (format, client_id) values ($1, $2) on conflict do nothing", [
    STORE_FORMAT,
    crypto.randomUUID(),
  ]);
  const { rows } = await pg.query<{ format: number }>("select format from ampsync.state");
  if (rows[0]?.format !== STORE_FORMAT) {
    throw new Error(`the store has format ${rows[0]?.format}; this release reads ${STORE_FORMAT}`);
  }
}
