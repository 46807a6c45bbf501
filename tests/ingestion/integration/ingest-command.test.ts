// Takes 55 s.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import type { ApiServer } from "../../../src/devserver/http/api-server.ts";
import type { Trouble } from "../../../src/devserver/http/trouble/trouble.ts";
import { IngestCommand, startSeedApi } from "../../support/http/ingest-command.ts";
import { SECRET } from "../../support/http/ingest-scenario.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres/postgres.ts";
import { waitFor } from "../../support/wait-for.ts";

const NO_DATABASE = "postgresql://me@127.0.0.1:1/nowhere";
const SMALL_PAGES = { API_PAGE_LIMIT: "100" };

/** Every record of the API is in the table, once. */
async function expectEqual(db: TestDatabase, api: ApiServer): Promise<void> {
  const { rows } = await db.query(
    `select (select count(*)::int from public.ingested_events) as stored, count(*)::int as equal
       from unnest($1::text[]) t join public.ingested_events e on e.data = t::jsonb and e.id = e.data ->> 'id'`,
    [api.records()],
  );
  const n = api.records().length;
  expect(rows).toEqual([{ stored: n, equal: n }]);
}

/** How many records each commit has brought, in the order of the commits. */
async function commits(db: TestDatabase): Promise<readonly number[]> {
  const { rows } = await db.query(
    "select count(*)::int as n from public.ingested_events group by xmin order by min(ctid)",
  );
  return rows.map((row) => row["n"]);
}

/** Waits until more rows than that are stored. */
async function stored(db: TestDatabase, above: number): Promise<void> {
  await waitFor(`more than ${above} rows`, async () => {
    const { rows } = await db.query("select to_regclass('public.ingested_events') is not null as made");
    if (!rows[0]!["made"]) return false;
    const { rowCount } = await db.query("select from public.ingested_events limit $1", [above + 1]);
    return rowCount === above + 1;
  });
}

async function position(db: TestDatabase): Promise<string> {
  const { rows } = await db.query("select cursor_value from public.cursor_state");
  return rows[0]!["cursor_value"];
}

async function records(db: TestDatabase): Promise<number> {
  const { rows } = await db.query("select records::int from ampsync.streams");
  return rows[0]!["records"];
}

describe("ampsync ingest", () => {
  test("brings 10,000 events in few commits, says so in its last line, and has nothing left to do", async () => {
    await using db = await createDatabase();
    await using api = await startSeedApi({ records: 10_000 });
    await using command = new IngestCommand(db.url, api);
    const { code, last } = await command.result();
    expect(last).toMatchObject({ event: "ingestion_complete", message: "ingestion complete" });
    expect(last).toMatchObject({ rows: 10_000, records: 10_000, pages: 10, duplicates: 0, rejected: 0 });
    expect(last).toMatchObject({ seconds: expect.any(Number), rows_per_s: expect.any(Number) });
    expect(code).toBe(0);
    expect(command.told("ingestion_started")).toMatchObject([{ table: "public.ingested_events" }]);
    await expectEqual(db, api);
    expect(api.requests).toHaveLength(10);
    const sizes = await commits(db);
    expect(sizes[0]).toBe(1_000); // The first page does not wait.
    expect(Math.max(...sizes)).toBeLessThanOrEqual(10_000);
    expect(command.hasSaid(SECRET)).toBe(false);

    await using other = new IngestCommand(db.url, api, { env: { API_ENDPOINT: "/others" } });
    const refused = await other.result(); // The position that is stored means nothing there.
    expect(refused).toMatchObject({ code: 1, last: { event: "ingestion_failed", code: "SY004" } });
    expect(refused.last["hint"]).toMatch(/restart => true/);

    await using again = new IngestCommand(db.url, api);
    const { last: same } = await again.result();
    expect(same).toMatchObject({ message: "ingestion complete", rows: 10_000, rows_per_s: 0 });
    expect(api.requests).toHaveLength(10);
  });

  test("goes on at the stored position after SIGKILL, and after SIGTERM, which ends it with 0 and a message", async () => {
    await using db = await createDatabase();
    await using api = await startSeedApi({ records: 4_000, faults: { latencyMs: 60 } });
    await using killed = new IngestCommand(db.url, api, { env: SMALL_PAGES });
    await stored(db, 0);
    await killed.kill();
    const atKill = {
      position: await position(db),
      requests: api.requests.length,
      records: await records(db),
    };

    await using stopped = new IngestCommand(db.url, api, { env: SMALL_PAGES });
    await waitFor("a page", () => api.requests.length > atKill.requests + 1);
    expect(api.requests[atKill.requests]?.token).toBe(atKill.position);
    stopped.signal("SIGTERM");
    const { code, last } = await stopped.result();
    expect(last).toMatchObject({ event: "ingestion_interrupted", message: "ingestion interrupted" });
    expect(code).toBe(0);
    const asked = api.requests.length;
    const answered = api.requests.slice(atKill.requests).filter(({ status }) => status === 200).length;
    expect(await records(db)).toBe(atKill.records + answered * 100); // What was answered is committed.
    expect(last["records"]).toBe(await records(db));
    const at = await position(db);
    api.faults.latencyMs = 0;
    await using third = new IngestCommand(db.url, api, { env: SMALL_PAGES });
    expect(await third.result()).toMatchObject({
      code: 0,
      last: { message: "ingestion complete", pages: 40 },
    });
    expect(api.requests[asked]?.token).toBe(at);
    await expectEqual(db, api);
  });

  test("told to stop before it has reached the database, it says that nothing is here", async () => {
    await using api = await startSeedApi();
    await using command = new IngestCommand(NO_DATABASE, api);
    await waitFor("an attempt", () => command.told("db_connection_retry").length > 0);
    command.signal("SIGINT");
    const { code, last } = await command.result();
    expect(last).toMatchObject({ message: "ingestion interrupted", rows: 0, pages: 0 });
    expect(code).toBe(0);
  });

  test("ends with 1 and a hint where its key, or the request, is refused, and goes on when that is mended", async () => {
    await using db = await createDatabase();
    await using api = await startSeedApi({ records: 400 });
    await using wrong = new IngestCommand(db.url, api, { env: { ...SMALL_PAGES, API_KEY: "wr0ng/key" } });
    expect(await wrong.result()).toMatchObject({
      code: 1,
      last: { event: "ingestion_failed", code: "SY105", hint: expect.stringContaining("API_KEY") },
    });
    expect(wrong.hasSaid("wr0ng")).toBe(false);

    api.faults.next.push(null, { status: 404 });
    await using refused = new IngestCommand(db.url, api, { env: SMALL_PAGES });
    const { code, last } = await refused.result();
    expect(last).toMatchObject({ event: "ingestion_failed", code: "SY004", rows: 100 });
    expect(last["hint"]).toMatch(/enqueue_http/);
    expect(last).not.toHaveProperty("message");
    expect(code).toBe(1);

    api.faults.next.push(null, { status: 401 }); // The key was taken before: it is tried again.
    await using mended = new IngestCommand(db.url, api, { env: SMALL_PAGES });
    expect(await mended.result()).toMatchObject({
      code: 0,
      last: { message: "ingestion complete", rows: 400 },
    });
    expect(mended.told("stream_error")).toMatchObject([{ code: "SY105" }]);
    await expectEqual(db, api);
  });

  test.each<[string, object, Trouble, string, RegExp]>([
    [
      "a secret",
      { auth: { header: "X-API-Key", secret: "OTHER" } },
      {},
      "SY306",
      /=OTHER in AMPSYNC_HTTP_ALLOW/,
    ],
    [
      "the host that it is sent to",
      {},
      { redirect: { to: "http://127.0.0.2:1/events" } },
      "SY305",
      /^Add http:\/\/127\.0\.0\.2:1 to AMPSYNC_HTTP_ALLOW/,
    ],
  ])("ends with 1 and a hint where its settings lack %s", async (_, source, trouble, code, hint) => {
    await using db = await createDatabase();
    await using api = await startSeedApi({ faults: { each: trouble } });
    const folder = await mkdtemp(join(tmpdir(), "ampsync-ingest-"));
    try {
      const file = join(folder, "source.json");
      await writeFile(file, JSON.stringify(source));
      await using command = new IngestCommand(db.url, api, { env: { API_SOURCE_FILE: file } });
      const { code: exitCode, last } = await command.result();
      expect(last).toMatchObject({ event: "ingestion_failed", code, hint: expect.stringMatching(hint) });
      expect(exitCode).toBe(1);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("ends with 1 where nobody takes its log any more", async () => {
    await using api = await startSeedApi();
    await using command = new IngestCommand(NO_DATABASE, api);
    await waitFor("an attempt", () => command.told("db_connection_retry").length > 0);
    command.leaveOutput();
    expect((await command.ended).code).toBe(1);
  });

  test("ends with 1 and a hint where the database cannot be reached", async () => {
    await using api = await startSeedApi();
    await using command = new IngestCommand(NO_DATABASE, api, { env: { DB_MAX_RETRY_DURATION_SECS: "1" } });
    const { code, last } = await command.result();
    expect(last).toMatchObject({ event: "ingestion_failed", code: "SY104" });
    expect(last["hint"]).toMatch(/^Check DATABASE_URL/);
    expect(code).toBe(1);
  });
});

describe("the settings of ampsync ingest", () => {
  test("that are missing are all named, on standard error", async () => {
    await using api = await startSeedApi();
    await using command = new IngestCommand("", api, { env: { API_BASE_URL: "", API_KEY: "" } });
    expect((await command.ended).code).toBe(1);
    expect(command.printed()).toEqual([]);
    expect(command.tail()).toMatch(
      /SY902.*API_BASE_URL is not set; neither API_KEY nor API_KEY_FILE is set; DATABASE_URL is not set/,
    );
  });

  test("may stand in .env, a key in a file, and other shapes of an API in another one", async () => {
    await using db = await createDatabase();
    await using api = await startSeedApi({ style: "offset", records: 250 });
    const folder = await mkdtemp(join(tmpdir(), "ampsync-ingest-"));
    try {
      await writeFile(
        join(folder, "source.json"),
        `{"pages": {"type": "offset", "param": "offset"}, "records": "/records", "total": null,
          "query": {"limit": 100, "above": -99999999999999999999},
          "columns": {"id": "bigint", "updated_at": "timestamptz", "data": {"from": "", "type": "jsonb"}}}`,
      );
      await writeFile(join(folder, "key"), `${SECRET}\n`);
      const settings = [
        ...[
          `DATABASE_URL=${db.url}`,
          `API_BASE_URL='${api.origin}'`,
          `API_ENDPOINT=${new URL(api.url).pathname}`,
        ],
        ...["API_KEY_FILE=key", "API_SOURCE_FILE=source.json"],
      ];
      await writeFile(join(folder, ".env"), settings.join("\n"));
      const env = { API_KEY: undefined, API_BASE_URL: undefined, DATABASE_URL: undefined };
      await using command = new IngestCommand("", api, { cwd: folder, env });
      expect(await command.result()).toMatchObject({
        code: 0,
        last: { message: "ingestion complete", rows: 250 },
      });
      const { rows } = await db.query(
        "select (definition -> 'query')::text as query from ampsync_private.dataset",
      );
      expect(rows).toEqual([{ query: '{"above": -99999999999999999999, "limit": 100}' }]); // Exact.
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
