import { setTimeout as pause } from "node:timers/promises";

import type { ProgressRow, Reads, StatusRow, StreamRow } from "../db/reads.ts";
import type { Log } from "../log.ts";
import { failureOf } from "../model/failure.ts";
import { count, duration, printable, roundCount, textTable, wrapped } from "./table.ts";
import { withReads } from "./with-reads.ts";

const WATCH_MS = 2_000;
const CLEAR = "\u001b[2J\u001b[H";
const USUAL_WIDTH = 80;
/** So many tables with the same reason are named, the others are counted. */
const MOST_NAMES = 3;

export interface Screen {
  readonly print: (text: string) => void;
  readonly isTerminal: boolean;
  /** In characters; only what is to be copied, or has no blanks, may be longer. */
  readonly width: number;
}

interface Look {
  readonly datasets: readonly StatusRow[];
  readonly streams: readonly StreamRow[];
  readonly progress: readonly ProgressRow[];
  /** How many are alive. */
  readonly workers: number;
}

/**
 * Prints ampsync.status, ampsync.streams and, of what loads, ampsync.progress; with `--json` all as one JSON object.
 * Resolves to the exit code: 1 if something is failed, or nobody does what is to be done.
 *
 * With `--watch` it prints the same again and again until a signal: in place on a terminal, otherwise block by block. An
 * error at the first look ends it; a later one is shown, and may pass.
 */
export async function statusCommand(
  url: string,
  log: Log,
  switches: ReadonlySet<string>,
  { print, isTerminal, width }: Screen,
  stopSignal: () => AbortSignal,
): Promise<number> {
  const isJson = switches.has("json");
  const textOf = (look: Look) => (isJson ? jsonOf(look) : statusText(look, width));
  return await withReads(url, "ampsync status", log, async (reads) => {
    const first = await lookAt(reads);
    if (!switches.has("watch")) {
      print(textOf(first));
      return exitCode(first);
    }
    const signal = stopSignal();
    const show = (text: string) => print(isJson ? text : `${isTerminal ? CLEAR : ""}${text}\n`);
    show(textOf(first));
    while (!(await pause(WATCH_MS, false, { signal }).catch(() => true))) {
      show(await lookAt(reads).then(textOf, (error) => errorText(error, isJson)));
    }
    return 0;
  });
}

async function lookAt(reads: Reads): Promise<Look> {
  const [datasets, streams] = [await reads.status(), await reads.streams()];
  return { datasets, streams, progress: await reads.progress(), workers: await reads.workers() };
}

function exitCode(look: Look): number {
  const states = [...look.datasets, ...look.streams].map(({ state }) => state);
  return states.includes("failed") || isUnattended(look) ? 1 : 0;
}

/** Whether there is work, and nobody for it. */
function isUnattended({ datasets }: Look): boolean {
  return datasets.some(({ unattended }) => unattended);
}

function jsonOf(look: Look): string {
  return JSON.stringify(look, (_, value) => (typeof value === "bigint" ? value.toString() : value));
}

function statusText(look: Look, width: number): string {
  const { datasets, streams, progress } = look;
  if (datasets.length === 0) {
    return "Nothing is synced yet. Begin with: select ampsync.enqueue_sync('my_dataset');";
  }
  const optional = ["schema", "tables", "rows/s", "rows", "behind", "version"];
  return [
    textTable(datasets.map(datasetLine), { width, optional }),
    "",
    ...streamLines(streams, width),
    ...progressLines(progress, width),
    ...datasetReasons(datasets, streams, width),
    ...(isUnattended(look) ? ["", "No worker is alive. Start one: ampsync worker"] : []),
  ].join("\n");
}

function errorText(error: unknown, json: boolean): string {
  const { code, message, detail, hint } = failureOf(error);
  return json
    ? JSON.stringify({ error: { code, message, detail, hint } })
    : printable(`The status cannot be read: ${message}`);
}

/** Tables and their numbers, then what keeps them from moving. */
export function streamLines(streams: readonly StreamRow[], width = USUAL_WIDTH): string[] {
  const optional = ["reorgs", "rows", "lag", "rows/s", "head", "behind"];
  return [textTable(streams.map(streamLine), { width, optional }), ...streamReasons(streams, width)];
}

function streamLine(stream: StreamRow): Record<string, string> {
  return {
    table: stream.target,
    state: stream.state,
    block: count(stream.block),
    behind: count(stream.behind),
    head: count(stream.head),
    "rows/s": roundCount(stream.rows_per_s),
    rows: roundCount(stream.rows),
    lag: duration(stream.lag_s),
    reorgs: roundCount(stream.rewrites),
  };
}

/** What is loading at the moment, below an empty line; nothing where nothing is. */
function progressLines(progress: readonly ProgressRow[], width: number): string[] {
  const loading = progress.filter((row) => ["backfill", "resyncing", "upgrading"].includes(row.phase));
  const optional = ["rows", "elapsed", "rows/s", "of"];
  return loading.length === 0 ? [] : ["", textTable(loading.map(progressLine), { width, optional })];
}

function progressLine(row: ProgressRow): Record<string, string> {
  return {
    loading: row.target,
    blocks: count(row.blocks_done),
    of: count(row.blocks_total),
    "%": percentage(row.blocks_done, row.blocks_total),
    rows: roundCount(row.rows),
    "rows/s": roundCount(row.rows_per_s),
    elapsed: duration(row.elapsed_s),
    left: duration(row.left_s),
  };
}

/** Rounded down, so that 100.0 means all of them. */
function percentage(done: bigint | null, total: bigint | null): string {
  return done === null || total === null ? "–" : (Number((done * 1000n) / total) / 10).toFixed(1);
}

function datasetLine(dataset: StatusRow): Record<string, string> {
  const versions = [dataset.version ?? "–", dataset.new_version].filter((each) => each !== null);
  return {
    dataset: dataset.dataset,
    state: dataset.state,
    version: versions.map(shortVersion).join(", new: "),
    block: count(dataset.block),
    behind: count(dataset.behind),
    rows: roundCount(dataset.rows),
    "rows/s": roundCount(dataset.rows_per_s),
    tables: count(dataset.tables),
    schema: dataset.target_schema,
  };
}

/** Of a hash its beginning. */
function shortVersion(version: string): string {
  return /^[0-9a-f]{64}$/.test(version) ? `${version.slice(0, 8)}…` : version;
}

function datasetReasons(
  datasets: readonly StatusRow[],
  streams: readonly StreamRow[],
  width: number,
): string[] {
  const shown = new Set(
    streams.map(({ dataset, table_name, reason }) => `${dataset}: ${table_name}: ${reason}`),
  );
  return datasets.flatMap(({ dataset, waiting_on, hint }) =>
    waiting_on === null || shown.has(`${dataset}: ${waiting_on}`)
      ? []
      : paragraph(dataset, waiting_on, hint, width),
  );
}

/** One paragraph for each reason and hint, errors first. */
function streamReasons(streams: readonly StreamRow[], width: number): string[] {
  const stuck = streams.filter(({ reason }) => reason !== null);
  const groups = Map.groupBy(stuck, ({ reason, hint }) => JSON.stringify([reason, hint]));
  const isError = ([first]: readonly StreamRow[]) => (first?.error_code ?? null) !== null;
  const sorted = [...groups.values()].toSorted((a, b) => Number(isError(b)) - Number(isError(a)));
  return sorted.flatMap((group) => {
    const names = group.map(({ target }) => target);
    const others = names.length - MOST_NAMES;
    const named = [...names.slice(0, MOST_NAMES), ...(others > 0 ? [`${count(others)} more`] : [])];
    return paragraph(named.join(", "), group[0]?.reason ?? "", group[0]?.hint ?? null, width);
  });
}

/** The hint stays in one line, because it is to be copied. */
function paragraph(subject: string, reason: string, hint: string | null, width: number): string[] {
  const text = wrapped(printable(`${subject}: ${reason}`), width, "");
  return ["", text, ...(hint === null ? [] : [`  ${printable(hint)}`])];
}
