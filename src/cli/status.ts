import type { StatusRow, StreamRow } from "../db/reads.ts";
import type { Log } from "../log.ts";
import { count, printable, textTable } from "./table.ts";
import { withReads } from "./with-reads.ts";

/** Prints the views ampsync.status and ampsync.streams; with `json` as one JSON object. */
export async function printStatus(
  url: string,
  json: boolean,
  log: Log,
  print: (text: string) => void,
): Promise<void> {
  await withReads(url, "ampsync status", log, async (reads) => {
    const [datasets, streams] = [await reads.status(), await reads.streams()];
    if (json) {
      print(
        JSON.stringify({ datasets, streams }, (_, value) =>
          typeof value === "bigint" ? value.toString() : value,
        ),
      );
    } else if (datasets.length === 0) {
      print("Nothing is synced yet. Begin with: select ampsync.enqueue_sync('my_dataset');");
    } else {
      print([textTable(datasets.map(datasetLine)), "", streamTable(streams), ...hints(datasets)].join("\n"));
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
