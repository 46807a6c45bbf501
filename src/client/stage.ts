import { AmpsyncError } from "../errors.ts";
import type { Snapshot } from "../wire/from-gateway.ts";
import type { AtMost } from "./at-most.ts";
import { copy, type Database, read } from "./database.ts";
import { mayBecome } from "./stage-swap.ts";
import { dropStaged, stageOf } from "./stage-tables.ts";
import { copyInto, quote } from "./statements.ts";
import type { Tables } from "./tables.ts";

/** Chunks of all snapshots together that are fetched or kept: each is in memory meanwhile. */
export const CHUNKS_AT_ONCE = 3;
const TRIES = 3;
const ANSWER_WITHIN_MS = 60_000;

/** Fetches one chunk of a snapshot: its raw text. */
export type FetchChunk = (
  snapshot: string,
  n: number,
  signal: AbortSignal,
) => Promise<Uint8Array<ArrayBuffer>>;

/** The gateway does not have the snapshot any more: say hello again. */
class SnapshotGone extends AmpsyncError {
  constructor(n: number, status: number) {
    super("SY104", `the gateway answered ${status} for chunk ${n}: its snapshot is gone`, {
      hint: "Another one is asked for.",
    });
  }
}

/** What came is not what the snapshot says. */
export class WrongChunk extends Error {
  override readonly name = "WrongChunk";
}

/** GET of a chunk, with the token as in the hello. Gzip is undone by `fetch`. */
export function chunksFrom(address: () => string, token: () => string, fetcher: typeof fetch): FetchChunk {
  return async (snapshot, n, signal) => {
    const at = `${address().replace(/^ws/i, "http")}/v1/snapshots`;
    const within = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]);
    const headers = { authorization: `Bearer ${token()}` };
    const answer = await fetcher(`${at}/${snapshot}/${n}`, { headers, signal: within });
    if (answer.status === 404 || answer.status === 410) throw new SnapshotGone(n, answer.status);
    if (!answer.ok) throw new AmpsyncError("SY104", `the gateway answered ${answer.status} for chunk ${n}`);
    return new Uint8Array(await answer.arrayBuffer());
  };
}

/** What of which snapshots is in the stage: said in the hello, so that a killed client fetches the rest alone. */
export async function readStaged(pg: Database): Promise<Record<string, number[]>> {
  const rows = await read<{ snapshot: string; chunks: number[] }>(
    pg,
    `select snapshot_id as snapshot, jsonb_agg(n order by n) as chunks from ampsync.staged
      group by snapshot_id`,
  );
  return Object.fromEntries(rows.map(({ snapshot, chunks }) => [snapshot, chunks]));
}

/** What is left of snapshots that nobody offers any more; called where nothing is loading. */
export async function dropStages(pg: Database): Promise<void> {
  const rows = await read<{ snapshot: string }>(
    pg,
    "select distinct snapshot_id as snapshot from ampsync.staged",
  );
  for (const { snapshot } of rows) await pg.transaction((tx) => dropStaged(tx, snapshot));
}

export interface Staging {
  readonly pg: Database;
  readonly tables: Tables;
  readonly fetchChunk: FetchChunk;
  /** XXH64 of bytes, seed 0. */
  readonly hash: (bytes: Uint8Array) => bigint;
  /** Runs a step of the database between frames. */
  readonly turn: <T>(step: () => Promise<T>) => Promise<T>;
  /** Resolves when what was committed is in the store. */
  readonly stored: () => Promise<void>;
  /** Shared by all snapshots of a client. */
  readonly chunks: AtMost;
  readonly signal: AbortSignal;
  /** Called with the rows that are there, after each chunk. */
  readonly fetched: (rows: bigint) => void;
}

/** Brings the chunks that are missing into the stage, each with the row that says so. */
export async function stage(staging: Staging, snapshot: Snapshot): Promise<void> {
  const { pg, turn, stored, signal } = staging;
  const there = new Set((await turn(() => readStaged(pg)))[snapshot.snapshot] ?? []);
  const missing = snapshot.chunks.filter(({ n }) => !there.has(n));
  const rows = rowsOf(snapshot.chunks);
  if (rows !== BigInt(snapshot.rows)) {
    throw new WrongChunk(`the chunks of ${snapshot.table} have ${rows} rows, not ${snapshot.rows}`);
  }
  await turn(() => makeStage(staging, snapshot));
  let here = rows - rowsOf(missing);
  staging.fetched(here);
  const next = missing[Symbol.iterator]();
  let kept = Promise.resolve();
  const worker = async () => {
    for (const chunk of next) {
      await staging.chunks.run(async () => {
        signal.throwIfAborted();
        const bytes = await fetchWhole(staging, snapshot.snapshot, chunk);
        await turn(() => keep(staging, snapshot, chunk, bytes));
      });
      signal.throwIfAborted();
      // Not waited for here: where that takes long, chunks share it.
      kept = stored();
      kept.catch(() => {});
      here += BigInt(chunk.rows);
      staging.fetched(here);
    }
  };
  try {
    await Promise.all(Array.from({ length: CHUNKS_AT_ONCE }, worker));
    await kept;
  } catch (error) {
    // Nobody waits for the others.
    missing.length = 0;
    // What is there of it fits no other snapshot, and nobody would take it away.
    if (error instanceof SnapshotGone) {
      await turn(() => pg.transaction((tx) => dropStaged(tx, snapshot.snapshot)));
    }
    throw error;
  }
}

function rowsOf(chunks: Snapshot["chunks"]): bigint {
  return chunks.reduce((sum, { rows }) => sum + BigInt(rows), 0n);
}

/**
 * As the table where it may become that; else without indexes, for rows that are written again. Of text where the table is
 * to have other columns in the frame that loads it.
 */
async function makeStage({ pg, tables }: Staging, { snapshot, table }: Snapshot): Promise<void> {
  const form = tables.formToCome(table);
  await pg.transaction(async (tx) => {
    const like = async () => `like ${table}${(await mayBecome(tx, table)) ? " including all" : ""}`;
    const columns =
      form === null ? await like() : form.columns.map((name) => `${quote(name)} text`).join(", ");
    await tx.exec(`create table if not exists ${stageOf(snapshot)} (${columns})`);
  });
}

async function keep(
  { pg, tables }: Staging,
  of: Snapshot,
  { n, rows: said }: Snapshot["chunks"][number],
  bytes: string | Uint8Array<ArrayBuffer>,
): Promise<void> {
  const columns =
    tables.formToCome(of.table)?.columns ?? tables.get(of.table)?.columns.map(({ name }) => name);
  if (columns === undefined) throw new Error(`no gateway has announced ${of.table}`);
  await pg.transaction(async (tx) => {
    const { rows } = await tx.query(
      `insert into ampsync.staged (snapshot_id, table_name, n, rows) values ($1, $2, $3, $4)
       on conflict do nothing returning n`,
      [of.snapshot, of.table, n, said],
    );
    if (rows.length === 0) return;
    const came = await copy(tx, copyInto(stageOf(of.snapshot), columns), bytes);
    if (came !== said) throw new WrongChunk(`chunk ${n} has ${came} rows, not ${said}`);
  });
}

async function fetchWhole(
  { fetchChunk, hash, signal }: Staging,
  snapshot: string,
  chunk: Snapshot["chunks"][number],
): Promise<Uint8Array<ArrayBuffer>> {
  for (let tries = 1; ; tries++) {
    try {
      const bytes = await fetchChunk(snapshot, chunk.n, signal);
      checkChunk(hash, bytes, chunk);
      return bytes;
    } catch (error) {
      if (error instanceof SnapshotGone || signal.aborted || tries === TRIES) throw error;
    }
  }
}

function checkChunk(hash: Staging["hash"], bytes: Uint8Array, chunk: Snapshot["chunks"][number]): void {
  const sum = hash(bytes).toString(16).padStart(16, "0");
  if (bytes.length !== chunk.bytes || sum !== chunk.xxh64) {
    throw new WrongChunk(
      `chunk ${chunk.n} has ${bytes.length} bytes and sum ${sum}, not ${chunk.bytes} and ${chunk.xxh64}`,
    );
  }
}
