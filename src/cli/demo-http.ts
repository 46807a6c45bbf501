import { setTimeout as pause } from "node:timers/promises";

import type pg from "pg";

import { Reads } from "../db/reads.ts";
import { ApiServer } from "../devserver/http/api-server.ts";
import { httpPicture } from "./demo-http-picture.ts";
import { DemoScreen } from "./demo-screen.ts";
import { CATCH_UP_DEADLINE_MS, type DemoOptions, DemoStage, untilEqual } from "./demo-stage.ts";

const RECORDS = 14_000;
const PAGE = 400;
/** More pages than one window allows. */
const LIMIT = { requests: 25, perS: 10 };
const LATENCY_MS = 60;
const KEY = "demo-key";
const LIVE_EVERY_MS = 700;
const NEW = 40;
const CHANGED = 3;

/** Reads a development API at the rate that it allows, then follows it. Resolves to the exit code: 0 if table and API are equal. */
export async function runHttpDemo(options: DemoOptions): Promise<number> {
  const { once: isUnattended, isTerminal, print, signal } = options;
  await using stack = new AsyncDisposableStack();
  const stage = await DemoStage.open(stack, options);
  const { pool, url } = stage;

  print("Starting an API …");
  const api = await ApiServer.start({
    records: RECORDS,
    rate: [LIMIT],
    faults: { latencyMs: LATENCY_MS, secrets: [{ in: "header", name: "X-API-Key", value: KEY }] },
  });
  stack.defer(() => api.stop());
  print(`  ${api.url}: ${RECORDS} events, ${LIMIT.requests} requests in ${LIMIT.perS} s, with a key`);
  const { host } = new URL(api.origin);
  await stage.startWorker({ AMPSYNC_HTTP_ALLOW: `http://${host}=API_KEY`, AMPSYNC_SECRET_API_KEY: KEY });

  const statement = enqueueing(api);
  print(`demo=# ${statement}\n`);
  await pool.query(statement);

  const screen = new DemoScreen(httpPicture(new Reads(pool)), print, isTerminal);
  stack.defer(() => screen.stop());
  screen.start();

  try {
    let different = await untilEqual(() => differences(pool, api), signal);
    if (different.length === 0) {
      const before = await versions(pool);
      api.append(NEW);
      api.change(CHANGED);
      print(`The API has ${NEW} new events, and ${CHANGED} that changed.\n`);
      different = await untilEqual(() => differences(pool, api), signal);
      await screen.stop();
      const after = await versions(pool);
      for (const [id, version] of after) {
        const known = before.get(id);
        if (known !== undefined && known !== version)
          print(`event ${id}: version ${known} is now ${version}`);
      }
    }
    await screen.stop();
    if (different.length > 0) {
      print(`NOT EQUAL after ${CATCH_UP_DEADLINE_MS / 1000} s:\n  ${different.slice(0, 10).join("\n  ")}`);
      return 1;
    }
    const refused = api.requests.filter(({ limited }) => limited).length;
    print(
      `\nEqual: public.events holds exactly the ${api.records().length} events of the API, each in its newest version. ` +
        `${api.requests.length} requests, ${refused} of them above the limit.\n`,
    );
    if (!isUnattended) {
      print(invitation(url));
      print("The API goes on. Stop with Ctrl-C.\n");
      screen.start();
      while (true) {
        await pause(LIVE_EVERY_MS, undefined, { signal });
        api.append(1);
        api.change(1);
      }
    }
    return 0;
  } catch (error) {
    if (!signal.aborted) throw error;
    await screen.stop();
    print("\nStopping …");
    return isUnattended ? 1 : 0;
  }
}

function enqueueing({ url }: ApiServer): string {
  return `select * from ampsync.enqueue_http('events', source => '{
  "url": "${url}",
  "query": {"limit": ${PAGE}},
  "auth": {"header": "X-API-Key", "secret": "API_KEY"},
  "pages": {"type": "cursor", "param": "cursor", "next": "/pagination/nextCursor", "more": "/pagination/hasMore"},
  "records": "/data",
  "key": ["id"],
  "columns": {"id": "text", "event_type": {"from": "/type"}, "timestamp": "timestamptz", "updated_at": "timestamptz",
              "data": {"from": "", "type": "jsonb", "not_null": true}},
  "on_conflict": {"newest": "updated_at"},
  "range": {"field": "/updated_at", "since": "since", "format": "iso_ms"},
  "every": "1 second",
  "rate_limit": {"requests": ${LIMIT.requests}, "per": "${LIMIT.perS} seconds"},
  "total": "/meta/total"
}');`;
}

/** The records that only one side has, in the version that it has; empty if both are equal. */
async function differences(pool: pg.Pool, api: ApiServer): Promise<readonly string[]> {
  const exists = await pool.query("select to_regclass('public.events') is not null as exists");
  if (exists.rows[0]?.exists !== true) return ["there is no table yet"];
  const { rows } = await pool.query(
    `with api as (select r::jsonb as data from unnest($1::text[]) r),
          missing as (select a.data from api a except all select e.data from public.events e),
          unexpected as (select e.data from public.events e except all select a.data from api a)
     select 'missing: ' || data::text as line from missing
      union all
     select 'unexpected: ' || data::text from unexpected
      limit 20`,
    [api.records()],
  );
  return rows.map(({ line }) => String(line));
}

/** The version of each event in the table. */
async function versions(pool: pg.Pool): Promise<ReadonlyMap<string, string>> {
  const { rows } = await pool.query(
    "select id, data #>> '{properties,version}' as version from public.events",
  );
  return new Map(rows.map(({ id, version }) => [String(id), String(version)]));
}

function invitation(url: string): string {
  return `See for yourself:

  psql '${url}'

  select * from ampsync.streams;
  select * from ampsync.progress;
  select * from ampsync.rate_limits;
  select id, event_type, updated_at, ingested_at from public.events order by updated_at desc limit 5;
  select event_type, count(*) from public.events group by 1 order by 2 desc;
`;
}
