import { ApiServer } from "../src/devserver/http/api-server.ts";
import { type Figures, latencies, median, round } from "./figures.ts";
import { BenchApi } from "./http/api-server.ts";
import { MAPPINGS, WHOLE } from "./http/definitions.ts";
import { answersToRows, firstRows } from "./http/latency.ts";
import { load, loadInTurns, type Round } from "./http/load.ts";
import { type SqlPath, sqlPath, waitForColumn } from "./http/sql-path.ts";
import { Lab } from "./lab/lab.ts";
import type { Report } from "./print.ts";

/** 240 bytes each: 3.7 MiB. */
const LARGE_PAGE = 16_000;

export interface HttpOptions {
  readonly records: number;
  readonly rounds: number;
  /** For the memory of a worker; null: it is told of the loads alone. */
  readonly memoryRecords: number | null;
  readonly firstRows: number;
  readonly seconds: number;
}

type Mapping = keyof typeof MAPPINGS;

/** Reads an API into a table: the SQL alone, the whole product, and at once what others do for the same rows. */
export async function benchHttp(options: HttpOptions): Promise<Report> {
  const { records, rounds, memoryRecords, seconds } = options;
  await using lab = await Lab.start();
  const paths = await sqlRounds(lab, records, rounds);
  const loads = await loadRounds(lab, records, rounds);
  const memory = memoryRecords === null ? {} : await memoryOf(lab, memoryRecords);
  const first = await firstRows(lab, options.firstRows);
  const visible = await answersToRows(lab, seconds);
  return {
    about: { postgres: lab.postgresVersion, records, rounds },
    cases: [
      {
        ...paths,
        ...loads,
        ...memory,
        first_row_first_ms: round(first[0]!, 1), // Nothing of it was compiled yet, and no connection open.
        ...latencies(first, "first_row_"),
        ...latencies(visible, "answer_to_row_"),
        answers: visible.length,
      },
    ],
  };
}

async function sqlRounds(lab: Lab, count: number, rounds: number): Promise<Figures> {
  await using api = await ApiServer.start({ records: count }); // For its records only.
  const records = api.records();
  const mappings = Object.keys(MAPPINGS) as Mapping[];
  const found = new Map<Mapping, SqlPath[]>(mappings.map((mapping) => [mapping, []]));
  const waits: number[] = [];
  for (let number = 1; number <= rounds; number++) {
    for (const [mapping, paths] of found) paths.push(await sqlPath(lab, mapping, records));
    waits.push(await waitForColumn(lab, records));
    say(
      `round ${number} of SQL`,
      Object.fromEntries([...found].map(([name, paths]) => [name, paths.at(-1)!.ours])),
    );
  }
  const figures: Record<string, number> = {};
  for (const [mapping, paths] of found) {
    const middle = (of: (path: SqlPath) => number, digits: number) => round(median(paths.map(of)), digits);
    figures[`sql_${mapping}_ratio_copy`] = middle(({ ours, copy }) => copy.seconds / ours.seconds, 2);
    figures[`sql_${mapping}_ratio_copy_cpu`] = middle(
      ({ ours, copy }) => copy.backendCpuS / ours.backendCpuS,
      2,
    );
    figures[`sql_${mapping}_cpu_us_per_record`] = middle(({ ours }) => (ours.backendCpuS * 1e6) / count, 1);
  }
  return { ...figures, column_reader_waits_ms: round(median(waits), 0) };
}

async function loadRounds(lab: Lab, records: number, rounds: number): Promise<Figures> {
  await using api = await BenchApi.start({ style: "events", records, maxPage: 5000 });
  const found: Round[] = [];
  for (let number = 0; number <= rounds; number++) {
    const one = await loadInTurns(lab, api, records);
    if (number === 0) continue; // The server has made the texts of its pages.
    found.push(one);
    say(`round ${number}`, { ours: one.ours, copy: one.copy, by_page_s: one.byPage, by_row_s: one.byRow });
  }
  const middle = (of: (one: Round) => number, digits: number) => round(median(found.map(of)), digits);
  return {
    records_per_s: middle(({ ours }) => records / ours.seconds, 0),
    ratio_copy: middle(({ ours, copy }) => copy.seconds / ours.seconds, 2),
    ratio_copy_cpu: middle(({ ours, copy }) => copy.backendCpuS / (ours.backendCpuS + ours.workerCpuS), 2),
    ratio_row_by_row: middle(({ ours, byRow }) => byRow / ours.seconds, 2),
    ratio_page_by_page: middle(({ ours, byPage }) => byPage / ours.seconds, 2),
    worker_cpu_us_per_record: middle(({ ours }) => (ours.workerCpuS * 1e6) / records, 2),
    backend_cpu_us_per_record: middle(({ ours }) => (ours.backendCpuS * 1e6) / records, 1),
    server_cpu_us_per_record: middle(({ ours }) => (ours.serverCpuS * 1e6) / records, 2),
    worker_rss_mib: Math.max(...found.map(({ ours }) => ours.workerRssMib)),
  };
}

async function memoryOf(lab: Lab, records: number): Promise<Figures> {
  await using api = await BenchApi.start({ style: "events", records, maxPage: LARGE_PAGE });
  await using database = await lab.createDatabase();
  const loaded = await load(database, api, records, { ...WHOLE, query: { limit: LARGE_PAGE } });
  return {
    memory_records: records,
    memory_page_records: LARGE_PAGE,
    memory_rss_mib: loaded.workerRssMib,
    memory_records_per_s: Math.round(records / loaded.seconds),
    memory_worker_cpu_us_per_record: round((loaded.workerCpuS * 1e6) / records, 2),
  };
}

function say(what: string, figures: object): void {
  console.error(`${what}: ${JSON.stringify(figures)}`);
}
