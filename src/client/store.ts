import { type Extensions, PGlite } from "@electric-sql/pglite";

import type { Database } from "./database.ts";
import { type Node, nodeIfThere } from "./node-files.ts";
import { STORE_FORMAT, STORE_SCHEMA } from "./schema.ts";
import { dataOf, type StoreData } from "./store-data.ts";
import { unavailable } from "./store-errors.ts";
import { type Known, memoryOf, type StoreMemory } from "./store-memory.ts";
import { type Place, placeOf, type StoreKind } from "./store-place.ts";

export type { StoreKind } from "./store-place.ts";

/** `store_lost`: it was gone, or given up; `store_upgraded`: of another PostgreSQL. Both are new and empty. */
export type Beginning = "ok" | "store_lost" | "store_upgraded";

export interface Store {
  /** The same object also after the database was closed and opened again. */
  readonly pg: Database;
  readonly kind: StoreKind;
  readonly beginning: Beginning;
  /** At least so long between two commits, where each writes whole files. */
  readonly pauseMs: number;
  /** Closes the database and opens it again: what failed halfway is undone. Not while anything is under way. */
  readonly reopen: () => Promise<void>;
  /** It takes nothing at the moment, and is only read; or it does again. */
  readonly holdWrites: (isHeld: boolean) => void;
  /** The client has another id now. */
  readonly noteClient: (clientId: string) => Promise<void>;
  /** Gives the store back to others. */
  readonly release: () => void;
}

/** 16 MiB of WAL as a browser would write it with each commit become one; and WAL stays small. */
const SEGMENTS = ["--wal-segsize=1"];
const SETTINGS = ["min_wal_size=2MB", "max_wal_size=32MB"];

/**
 * Opens the database of a store, or makes it where none ever was. One that was made and cannot be opened is SY421, and never
 * replaced by an empty one, but with `reset`.
 */
export async function openStore(name: string, extensions: Extensions = {}, reset = false): Promise<Store> {
  const node = nodeIfThere();
  const memory = memoryOf(name, node);
  const known = await memory.read();
  const place = placeOf(name, node !== null, known?.kind ?? null);
  const { kind } = place;
  const release = kind === "directory" && node !== null ? await lock(node, place.path) : () => {};
  try {
    const open = () => openDatabase(place, extensions, true);
    const opening = { name, place, memory, data: await dataOf(place, node), reset, open };
    const remembered = await memory.read();
    let { pg, beginning } = await openOrMake(opening, remembered);
    let isHeld = false;
    let storeAll = holdSync(pg, () => isHeld);
    const reopen = async () => {
      // What is broken may not close either.
      await pg.close().catch(() => {});
      // What it needs is there: to make sure of it would take space.
      pg = await openDatabase(place, extensions, false);
      storeAll = holdSync(pg, () => isHeld);
    };
    const holdWrites = (isSo: boolean) => {
      isHeld = isSo;
    };
    const major = await orClose(pg, async () => {
      const found = await whatIs(pg);
      // A browser that does not tell which databases it has makes one that has vanished.
      const isAnother = remembered !== null && (remembered.clientId ?? found.clientId) !== found.clientId;
      if (beginning === "ok" && isAnother && found.isEmpty) beginning = "store_lost";
      await remember(memory, { kind, major: found.major, clientId: found.clientId });
      return found.major;
    });
    const noteClient = (id: string) => memory.write({ kind, major, clientId: id });
    const pauseMs = kind === "idb" ? 1_000 : 0;
    const standIn = standInFor(
      () => pg,
      () => storeAll,
    );
    return { pg: standIn, kind, beginning, pauseMs, reopen, holdWrites, noteClient, release };
  } catch (error) {
    release();
    throw error;
  }
}

/** What browsers have no use for is not loaded by them. */
async function lock(node: Node, path: string): Promise<() => void> {
  const { lockStore } = await import("./store-lock.ts");
  return lockStore(node, path);
}

interface Opening {
  readonly name: string;
  readonly place: Place;
  readonly memory: StoreMemory;
  readonly data: StoreData;
  readonly reset: boolean;
  readonly open: () => Promise<PGlite>;
}

interface Opened {
  readonly pg: PGlite;
  readonly beginning: Beginning;
}

async function openOrMake(opening: Opening, known: Known | null): Promise<Opened> {
  const { name, place, memory, data, reset, open } = opening;
  const there = await data.look().catch((error) => {
    throw unavailable(name, error);
  });
  const wasMade = known !== null && known.major !== null;
  if (wasMade && there === "gone") return { pg: await make(opening), beginning: "store_lost" };
  if (wasMade && there === "broken") {
    if (!reset) throw unavailable(name, new Error("no database is where it was"));
    return { pg: await make(opening), beginning: "store_lost" };
  }
  // What is killed from here on was not made to its end, and is not missed.
  if (known === null && there !== "there")
    await memory.write({ kind: place.kind, major: null, clientId: null });
  try {
    return { pg: await open(), beginning: "ok" };
  } catch (error) {
    if (known !== null && !wasMade) return { pg: await make(opening), beginning: "ok" };
    const made = data.major() ?? known?.major ?? null;
    const here = await majorHere();
    if (made !== null && here !== null && made !== here) {
      const pg = await make(opening, `pg${made}`);
      // The same client: the server knows it, and what it has of it is loaded anew.
      if (known?.clientId) {
        const { clientId } = known;
        await orClose(pg, () => pg.query("update ampsync.state set client_id = $1", [clientId]));
      }
      return { pg, beginning: "store_upgraded" };
    }
    if (reset) return { pg: await make(opening), beginning: "store_lost" };
    throw unavailable(name, error);
  }
}

async function make({ name, place, memory, data, open }: Opening, what = "lost"): Promise<PGlite> {
  try {
    await data.giveUp(what);
  } catch (error) {
    throw unavailable(name, error);
  }
  await memory.write({ kind: place.kind, major: null, clientId: null });
  return open();
}

async function openDatabase({ dataDir }: Place, extensions: Extensions, isNew: boolean): Promise<PGlite> {
  const pg = await PGlite.create({
    dataDir,
    extensions,
    initDbStartParams: SEGMENTS,
    startParams: [...PGlite.defaultStartParams, ...SETTINGS.flatMap((setting) => ["-c", setting])],
  });
  if (isNew) await orClose(pg, () => prepare(pg));
  return pg;
}

/** A step of opening. Where it fails, nobody has the database: it is closed before the lock is let go. */
async function orClose<T>(pg: PGlite, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    await pg.close().catch(() => {});
    throw error;
  }
}

/** Written only where it is another: a disk that is full does not keep a good store from being opened. */
async function remember(memory: StoreMemory, now: Known): Promise<void> {
  const known = await memory.read();
  const isSame = known?.kind === now.kind && known.major === now.major && known.clientId === now.clientId;
  if (!isSame) await memory.write(now);
}

/** Asked only where a store does not open; null: not known. By the file that databases are made from: none has to be made. */
async function majorHere(): Promise<string | null> {
  const pg = await PGlite.create({ noInitDb: true });
  try {
    const bytes = pg.Module.FS.readFile(`${PGlite.paths.PG_ROOT}/share/postgresql/postgres.bki`);
    return /^# PostgreSQL (\d+)/.exec(new TextDecoder().decode(bytes.subarray(0, 80)))?.[1] ?? null;
  } finally {
    await pg.close();
  }
}

interface Found {
  readonly major: string;
  readonly clientId: string | null;
  /** It holds nothing of a server. */
  readonly isEmpty: boolean;
}

async function whatIs(pg: PGlite): Promise<Found> {
  const version = await pg.query<{ major: string }>(
    "select (current_setting('server_version_num')::integer / 10000)::text as major",
  );
  const there = await pg.query<{ there: boolean }>(
    "select to_regclass('ampsync.state') is not null as there",
  );
  const state = there.rows[0]?.there
    ? await pg.query<{ id: string; empty: boolean }>(
        "select client_id as id, epoch is null as empty from ampsync.state",
      )
    : null;
  return {
    major: version.rows[0]?.major ?? "",
    clientId: state?.rows[0]?.id ?? null,
    isEmpty: state?.rows[0]?.empty ?? true,
  };
}

/**
 * PGlite brings what was committed into the store at each BEGIN, too: where the store takes nothing that throws, and nothing
 * could be read. While it is held, only what this returns does so.
 */
function holdSync(pg: PGlite, isHeld: () => boolean): () => Promise<void> {
  const sync = pg.syncToFs.bind(pg);
  pg.syncToFs = async () => {
    if (!isHeld()) await sync();
  };
  return sync;
}

/** One object for all who hold the database, whichever instance it is by now. */
function standInFor(current: () => PGlite, storeAll: () => () => Promise<void>): Database {
  return new Proxy({} as Database, {
    get(_, key) {
      if (key === "syncToFs") return storeAll();
      const pg = current();
      const value: unknown = Reflect.get(pg, key, pg);
      return typeof value === "function" ? value.bind(pg) : value;
    },
  });
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
