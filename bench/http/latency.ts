import { setTimeout as pause } from "node:timers/promises";

import type { Database, Lab } from "../lab/lab.ts";
import { BenchApi } from "./api-server.ts";
import { WHOLE } from "./definitions.ts";
import { enqueue, startWorker } from "./load.ts";

/** Records that come before what is counted. */
const WARM_UP = 5;
/** No multiple of the second between two polls: a record waits for the next poll for any time. */
const RECORD_MS = 330;
const DEADLINE_MS = 60_000;

/** Milliseconds from enqueue_http until another connection sees a row, on a worker that has nothing to do. */
export async function firstRows(lab: Lab, rounds: number): Promise<readonly number[]> {
  await using api = await BenchApi.start({ style: "events", records: 100, maxPage: 5000 });
  await using database = await lab.createDatabase();
  await using worker = await startWorker(database, api);
  const found: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    await enqueue(database, api, WHOLE);
    for (let rows = 0; rows === 0; await pause(1)) {
      rows = await visibleRows(database);
      if (worker.hasEnded) throw new Error(worker.tail());
    }
    found.push(performance.now() - start);
    await database.query("select ampsync.drop_sync('events', drop_tables => true)");
    await pause(500);
  }
  return found;
}

/**
 * Milliseconds from a request whose answer is a new record, by the server's log and so with the server's own time, until
 * another connection sees the row: a source that is polled each second, one record a page.
 */
export async function answersToRows(lab: Lab, seconds: number): Promise<readonly number[]> {
  await using api = await BenchApi.start({ style: "offset", records: 1, maxPage: 1 });
  await using database = await lab.createDatabase();
  await using worker = await startWorker(database, api);
  await enqueue(database, api, {
    query: { limit: 1 },
    pages: { type: "offset", param: "offset" },
    records: "/records",
    ...{ key: ["id"], columns: { id: "bigint", data: { from: "", type: "jsonb" } } },
    ...{ every: "1 second", append_only: true },
  });
  const records = WARM_UP + Math.ceil((seconds * 1000) / RECORD_MS);
  const seen: number[] = [];
  let isOver = false;
  const appending = appendSteadily(api, records - 1, () => isOver);
  const deadline = performance.now() + records * RECORD_MS + DEADLINE_MS;
  while (seen.length < records && performance.now() < deadline) {
    const rows = await visibleRows(database);
    const at = performance.timeOrigin + performance.now();
    while (seen.length < rows) seen.push(at);
    if (worker.hasEnded) throw new Error(worker.tail());
    await pause(1);
  }
  isOver = true;
  await appending;
  if (seen.length < records) throw new Error(`${seen.length} of ${records} records came in time`);
  const answered = await api.answered();
  return seen.map((at, n) => at - answered[n]!).slice(WARM_UP);
}

async function appendSteadily(api: BenchApi, records: number, isOver: () => boolean): Promise<void> {
  for (let n = 0; n < records && !isOver(); n++) {
    await pause(RECORD_MS);
    await api.append();
  }
}

/** Counted in the transaction of the rows, which costs less to look at than the table. */
async function visibleRows(database: Database): Promise<number> {
  const [row] = await database.query("select s.row_total::int as rows from ampsync_private.stream s");
  return row?.["rows"] ?? 0;
}
