import { setTimeout as pause } from "node:timers/promises";

import type { ProgressRow, Reads, StatusRow, StreamRow } from "../db/reads.ts";
import type { Log } from "../log.ts";
import { failureOf } from "../model/failure.ts";
import { count, duration, printable, textTable } from "./table.ts";
import { withReads } from "./with-reads.ts";

const WATCH_MS = 2_000;
const CLEAR = "\u001b[2J\u001b[H";

/** Prints ampsync.status, ampsync.streams and, of what loads, ampsync.progress; with `json` all as one JSON object. */
export async function printStatus(
  url: string,
  json: boolean,
  log: Log,
  print: (text: string) => void,
): Promise<void> {
  print(await withReads(url, "ampsync status", log, (reads) => statusText(reads, json)));
}

/**
 * Prints the same again and again until the signal aborts: in place on a terminal, otherwise block by block. An error
 * at the first look ends it; a later one is shown, and may pass. Resolves to the exit code.
 */
export async function watchStatus(
  url: string,
  json: boolean,
  log: Log,
  { print, isTerminal }: { readonly print: (text: string) => void; readonly isTerminal: boolean },
  signal: AbortSignal,
): Promise<number> {
  const show = (text: string) => print(json ? text : `${isTerminal ? CLEAR : ""}${text}\n`);
  await withReads(url, "ampsync status", log, async (reads) => {
    show(await statusText(reads, json));
    while (!(await pause(WATCH_MS, false, { signal }).catch(() => true))) {
      show(await statusText(reads, json).catch((error) => errorText(error, json)));
    }
  });
  return 0;
}

async function statusText(reads: Reads, json: boolean): Promise<string> {
  const [datasets, streams, progress] = [await reads.status(), await reads.streams(), await reads.progress()];
  if (json) {
    return JSON.stringify({ datasets, streams, progress }, (_, value) =>
      typeof value === "bigint" ? value.toString() : value,
    );
  }
  if (datasets.length === 0) {
    return "Nothing is synced yet. Begin with: select ampsync.enqueue_sync('my_dataset');";
  }
  return [
    textTable(datasets.map(datasetLine)),
    "",
    streamTable(streams),
    ...progressLines(progress),
    ...hints(datasets),
  ].join("\n");
}

function errorText(error: unknown, json: boolean): string {
  const { code, message, detail, hint } = failureOf(error);
  return json
    ? JSON.stringify({ error: { code, message, detail, hint } })
    : printable(`The status cannot be read: ${message}`);
}

export function streamTable(streams: readonly StreamRow[]): string {
  return textTable(
    streams.map((stream) => ({
      table: stream.target,
      state: stream.state,
      block: count(stream.block),
      head: count(stream.head),
      rows: count(stream.rows),
      "rows/s": count(stream.rows_per_s),
      lag: stream.lag_s === null ? "–" : `${count(stream.lag_s)} s`,
      reorgs: count(stream.rewrites),
      reason: stream.reason ?? "",
    })),
  );
}

/** What is loading at the moment, below an empty line; nothing where nothing is. */
function progressLines(progress: readonly ProgressRow[]): string[] {
  const loading = progress.filter((row) => ["backfill", "resyncing", "upgrading"].includes(row.phase));
  return loading.length === 0 ? [] : ["", textTable(loading.map(progressLine))];
}

function progressLine(row: ProgressRow): Record<string, string> {
  return {
    loading: row.target,
    blocks: count(row.blocks_done),
    of: count(row.blocks_total),
    "%": percentage(row.blocks_done, row.blocks_total),
    rows: count(row.rows),
    "rows/s": count(row.rows_per_s),
    elapsed: duration(row.elapsed_s),
    left: duration(row.left_s),
  };
}

/** Rounded down, so that 100.0 means all of them. */
function percentage(done: bigint | null, total: bigint | null): string {
  return done === null || total === null ? "–" : (Number((done * 1000n) / total) / 10).toFixed(1);
}

function datasetLine(dataset: StatusRow): Record<string, string> {
  return {
    dataset: dataset.dataset,
    version: [dataset.version ?? "–", dataset.new_version].filter(Boolean).join(", new: "),
    state: dataset.state,
    schema: dataset.target_schema,
    tables: count(dataset.tables),
    block: count(dataset.block),
    rows: count(dataset.rows),
  };
}

function hints(datasets: readonly StatusRow[]): string[] {
  return datasets.flatMap((dataset) =>
    dataset.waiting_on === null
      ? []
      : ["", `${dataset.dataset}: ${printable(dataset.waiting_on)}`, `  ${printable(dataset.hint ?? "")}`],
  );
}
