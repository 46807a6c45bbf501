import type { ProgressRow, StatusRow, StreamRow } from "../db/reads.ts";
import type { Log } from "../log.ts";
import { count, duration, printable, textTable } from "./table.ts";
import { withReads } from "./with-reads.ts";

/** Prints ampsync.status, ampsync.streams and, of what loads, ampsync.progress; with `json` all as one JSON object. */
export async function printStatus(
  url: string,
  json: boolean,
  log: Log,
  print: (text: string) => void,
): Promise<void> {
  await withReads(url, "ampsync status", log, async (reads) => {
    const [datasets, streams, progress] = [
      await reads.status(),
      await reads.streams(),
      await reads.progress(),
    ];
    if (json) {
      print(
        JSON.stringify({ datasets, streams, progress }, (_, value) =>
          typeof value === "bigint" ? value.toString() : value,
        ),
      );
    } else if (datasets.length === 0) {
      print("Nothing is synced yet. Begin with: select ampsync.enqueue_sync('my_dataset');");
    } else {
      print(
        [
          textTable(datasets.map(datasetLine)),
          "",
          streamTable(streams),
          ...progressLines(progress),
          ...hints(datasets),
        ].join("\n"),
      );
    }
  });
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
  const loading = progress.filter((row) => row.phase === "backfill" || row.phase === "resyncing");
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
    version: dataset.version ?? "–",
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
