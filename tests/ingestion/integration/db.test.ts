import { expect, test } from "vitest";

import { parseConfig } from "../../../src/config.ts";
import { createPool } from "../../../src/db/pool.ts";
import { CONNECT_MS } from "../../../src/db/session.ts";
import { createLog } from "../../../src/log.ts";
import { IngestCommand, startSeedApi } from "../../support/http/ingest-command.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres/postgres.ts";

// What the database must refuse, and what a commit does, is in tests/sql/ingest.

async function columnsOf(db: TestDatabase, relation: string): Promise<readonly string[]> {
  const { rows } = await db.query(
    `select concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), case when a.attnotnull then 'not null' end) as text
       from pg_attribute a where a.attrelid = $1::regclass and a.attnum > 0 order by a.attnum`,
    [relation],
  );
  return rows.map((row) => row["text"]);
}

test("two that start at once on an empty database install it once, and make table and views as the seed has them", async () => {
  await using db = await createDatabase({ empty: true });
  await using api = await startSeedApi({ records: 250 });
  await using one = new IngestCommand(db.url, api, { env: { API_PAGE_LIMIT: "100" } });
  await using two = new IngestCommand(db.url, api, { env: { API_PAGE_LIMIT: "100" } });
  for (const command of [one, two]) {
    expect(await command.result()).toMatchObject({
      code: 0,
      last: { message: "ingestion complete", rows: 250 },
    });
  }
  expect(api.requests).toHaveLength(3);
  expect(await columnsOf(db, "public.ingested_events")).toEqual([
    "id text not null",
    "timestamp timestamp with time zone", // Names by their length, as jsonb has them; documents last.
    "event_type text",
    "data jsonb not null",
    "ingested_at timestamp with time zone not null",
  ]);
  expect(await columnsOf(db, "public.cursor_state")).toEqual([
    ...["id integer", "cursor_value text", "events_ingested bigint", "updated_at timestamp with time zone"],
  ]);
  expect(await columnsOf(db, "public.staging_events")).toEqual([
    ...["id text", "event_type text", "timestamp timestamp with time zone", "data jsonb"],
  ]);
  const { rows } = await db.query(
    "select id, cursor_value, events_ingested::int as n from public.cursor_state",
  );
  expect(rows).toEqual([{ id: 1, cursor_value: "", n: 250 }]);
});

test("a pool closes a connection that nobody has used for 30 s, waits 5 s for a new one, and has 15 unless told", async () => {
  const pool = createPool(
    { url: "postgresql://me@localhost/db", max: 1, queryTimeoutMs: 0, name: "test" },
    createLog("error", () => {}),
  );
  expect(pool.options.idleTimeoutMillis).toBe(30_000);
  expect(CONNECT_MS).toBe(5_000);
  await pool.end();
  const required = {
    DATABASE_URL: "postgresql://me@localhost/db",
    API_BASE_URL: "https://api.example",
    API_KEY: "k",
  };
  const poolSize = (env = {}) => parseConfig({ ...required, ...env }, () => "", "ingest").poolSize;
  expect([poolSize(), poolSize({ DB_POOL_SIZE: "7" })]).toEqual([15, 7]);
});
