// npm run chaos -- pages --pages 1000 --per-minute 600 --json: a worker reads so many pages, each in less than 100 ms, from an API
// with that limit: alone, and beside others with the same key who use most of a window at once. Exits 1 if a record is
// missing or there twice, if more is refused than was under way, or if the next full window is not used.
import { parseArgs } from "node:util";
import { startApiServer } from "../tests/support/http/api-server.ts";
import { definitionOf } from "../tests/support/http/definitions.ts";
import { cloneDatabase } from "../tests/support/postgres/database.ts";
import { startTemplate, type Template } from "../tests/support/postgres/template.ts";
import { waitFor } from "../tests/support/wait-for.ts";
import { COMMANDS, WorkerProcess } from "../tests/support/worker/worker-process.ts";
import type { Figures } from "./figures.ts";
import { print } from "./print.ts";

const PAGE = 100;
const LATENCY_MS = 30;
const WINDOW_MS = 60_000;
const NOWHERE = "http://127.0.0.1:1";
const DEADLINE_MS = 900_000;

interface Case {
  readonly pages: number;
  readonly perMinute: number;
  /** How many requests of each window others send, once a tenth of the first one was used. */
  readonly others: number;
}

export async function chaosOfPages(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      pages: { type: "string", default: "1000" },
      "per-minute": { type: "string", default: "600" },
      json: { type: "boolean", default: false },
    },
  });
  const [pages, perMinute] = [Number(values.pages), Number(values["per-minute"])];
  const template = await startTemplate();
  try {
    const alone = await read(template, { pages, perMinute, others: 0 });
    const beside = await read(template, { pages, perMinute, others: Math.floor(perMinute * 0.9) });
    const cases = [
      { case: "alone", ...alone },
      { case: "beside others", ...beside },
    ];
    print("chaos pages", { cases }, values.json);
    const isGood = ({ equal, refused, used }: Figures) =>
      equal === true && Number(refused) <= 1 && Number(used) >= 0.95;
    process.exitCode = isGood(alone) && alone.refused === 0 && isGood(beside) ? 0 : 1;
  } finally {
    await template.stop();
  }
}

async function read(template: Template, { pages, perMinute, others }: Case) {
  await using db = await cloneDatabase(template);
  await using api = await startApiServer({
    records: pages * PAGE,
    rate: [{ requests: perMinute, perS: WINDOW_MS / 1000 }],
    faults: { latencyMs: LATENCY_MS },
  });
  await db.query("select * from ampsync.enqueue_http('events', $1)", [JSON.stringify(definitionOf(api))]);
  await using worker = new WorkerProcess(
    {
      ...{ databaseUrl: db.url, flightAddress: NOWHERE, adminAddress: NOWHERE },
      env: { AMPSYNC_HTTP_ALLOW: api.origin },
    },
    COMMANDS["ampsync worker"],
  );
  const isComplete = async () => {
    if (worker.hasEnded) throw new Error(worker.tail());
    const { rows } = await db.query("select from ampsync.streams where state = 'complete'");
    return rows.length === 1;
  };
  if (others > 0) {
    await waitFor(
      "a tenth of the window to be used",
      () => api.requests.length >= perMinute / 10,
      DEADLINE_MS,
    );
    api.spend(others);
  }
  await waitFor("all pages", isComplete, DEADLINE_MS);

  const served = api.requests.filter(({ limited }) => !limited).map(({ at }) => at);
  const began = served[0]!;
  /** The first window that is ours alone, of which there may be too few pages left to fill it. */
  const from = others > 0 ? served.find((at) => at >= began + WINDOW_MS)! : began;
  const within = served.filter((at) => at >= from && at < from + WINDOW_MS).length;
  const left = served.filter((at) => at >= from).length;
  const { rows } = await db.query(
    `select count(*)::int = $1 and count(distinct e.id)::int = $1 as equal from public.events e`,
    [pages * PAGE],
  );
  return {
    pages: served.length,
    seconds: Math.round((served.at(-1)! - began) / 1000),
    refused: api.requests.length - served.length,
    used: Math.round((within / Math.min(perMinute, left)) * 1000) / 1000,
    equal: rows[0]!["equal"] as boolean,
  };
}
