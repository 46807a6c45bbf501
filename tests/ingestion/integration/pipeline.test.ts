// Takes 47 s.
import { describe, expect, test } from "vitest";

import { InProcessSource } from "../../support/http/in-process-source.ts";
import type { AfterPass } from "../../support/http/in-process-worker.ts";
import { IngestScenario, SECRET } from "../../support/http/ingest-scenario.ts";
import { letTimePass } from "../../support/postgres/clock.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";

const db = sharedDatabase();

/** One pass after the other, each at its time, until no other one is due. */
async function read(source: InProcessSource): Promise<AfterPass> {
  for (let passes = 0; passes < 30; passes++) {
    const after = await source.pass();
    if (after.state === "complete" || after.state === "failed") return after;
    await letTimePass(db, `${after.dueIn ?? 0} s`);
  }
  throw new Error(`${source.name} gets to no end`);
}

describe("with a worker", () => {
  test("a source that is read once has every record of the API, once, is complete, and shows its secret nowhere", async () => {
    const secrets = [{ in: "header", name: "X-API-Key", value: SECRET }] as const;
    await using scenario = await IngestScenario.start({ records: 2_050, faults: { secrets } });
    await scenario.enqueue({ source: { auth: { header: "X-API-Key", secret: "API_KEY" } } });
    const worker = scenario.startWorker({ AMP_LOG: "debug" });
    await scenario.complete();
    await scenario.expectEqual();
    expect(scenario.api.requests.length).toBe(21);
    expect(await scenario.events("run_finished")).toBe(1);
    const { rows } = await scenario.db.query("select dataset, state from ampsync.status");
    expect(rows).toEqual([{ dataset: "events", state: "complete" }]);
    expect(worker.hasSaid(SECRET)).toBe(false);
  });

  test("SIGTERM flushes what is here, and the next worker asks for nothing that was answered", async () => {
    await using scenario = await IngestScenario.start({ records: 3_000, faults: { latencyMs: 60 } });
    await scenario.enqueue();
    const first = scenario.startWorker();
    await scenario.until("a commit", ({ records }) => records > 0);
    const since = performance.now();
    first.signal("SIGTERM");
    expect(await first.ended).toEqual({ code: null, signal: "SIGTERM" }); // graphile-worker's own way.
    expect(performance.now() - since).toBeLessThan(20_000); // A guard: it would read on.
    const answered = scenario.api.requests.filter(({ status }) => status === 200).length;
    expect((await scenario.source()).records).toBe(answered * 100);
    scenario.startWorker();
    await scenario.complete();
    await scenario.expectEqual();
    expect(scenario.api.requests).toHaveLength(30);
  });

  test("a source that is polled has what came since, and rests in between", async () => {
    await using scenario = await IngestScenario.start({
      records: 250,
      faults: { cursors: { tokenAtEnd: true } },
    });
    await scenario.enqueue({ source: { every: "1 second", on_conflict: "ignore" } });
    scenario.startFaultyWorker({ beatMs: 300, limits: { minPassMs: 300 } });
    await scenario.until("the first run", ({ state, records }) => state === "live" && records === 250);
    scenario.api.append(30);
    await scenario.until("the new records", ({ rows }) => rows === 280);
    await scenario.expectEqual();
    expect((await scenario.source()).duplicates).toBe(0);
  });
});

describe("a limit of the API", () => {
  test("is kept, and what the API refuses all the same is asked for again", async () => {
    await using source = await InProcessSource.start(db, {
      api: { records: 600, rate: [{ requests: 4, perS: 2 }] },
    });
    expect(await read(source)).toMatchObject({ state: "complete" });
    await source.expectEqual();
    expect(source.api.requests.filter(({ limited }) => limited).length).toBeLessThanOrEqual(1);
  });

  test("that lasts longer than a pass waits is shown, with its time, and holds no slot", async () => {
    await using source = await InProcessSource.start(db, { api: { records: 300 } });
    source.api.faults.next.push(null, {
      limited: { status: 429, retryAfter: "seconds", retryAfterS: 3600 },
    });
    const limited = await source.pass();
    expect(limited).toMatchObject({ state: "backfill", code: "SY304", attempts: 0, records: 100 });
    expect(limited.dueIn).toBeGreaterThan(3_500);
    expect(await source.events("rate_limited")).toHaveLength(1);
    const { rows } = await db.query(
      "select l.holder from ampsync_private.lease l join ampsync_private.stream s using (stream_id) join ampsync_private.dataset d using (dataset_id) where d.label = $1",
      [source.name],
    );
    expect(rows).toEqual([{ holder: null }]);
  });
});

describe("a cursor that expires", () => {
  test("is replaced, however the API says so, until all records are here", async () => {
    await using source = await InProcessSource.start(db, {
      api: { records: 900 },
      source: { expires: { status: [400, 410], match: "CURSOR_EXPIRED" } },
    });
    const expired = { status: 400, text: '{"error":{"code":"CURSOR_EXPIRED"}}' };
    source.api.faults.next.push(null, null, null, expired, expired, expired);
    expect(await read(source)).toMatchObject({ state: "complete", duplicates: 300 });
    await source.expectEqual();
    expect(await source.events("cursor_expired")).toHaveLength(3);
    expect(await source.events("run_restarted")).toHaveLength(1);
  });

  test("has the last page read again, which breaks no order", async () => {
    await using source = await InProcessSource.start(db, {
      api: { records: 900 },
      source: { range: { field: "/timestamp", since: "since", format: "iso_ms", sorted: true } },
    });
    source.api.faults.next.push(null, null, null, { status: 410 }, { status: 410 });
    expect(await read(source)).toMatchObject({ state: "complete", records: 1_000, duplicates: 100 });
    await source.expectEqual();
    expect(await source.events("run_restarted")).toEqual([]);
  });

  test("stops a source without a key, which could only store records twice", async () => {
    await using source = await InProcessSource.start(db, {
      api: { records: 900, faults: { cursors: { expiredAs: "gone" } } },
      source: { key: undefined },
    });
    source.api.faults.next.push(null, null, { status: 410 }, { status: 410 });
    expect(await read(source)).toMatchObject({ state: "failed", code: "SY302", rows: 200 });
  });

  test("stops a source that never gets further, and says which page it does not pass", async () => {
    await using source = await InProcessSource.start(db, {
      api: { records: 3_000, faults: { latencyMs: 20, cursors: { ttlMs: 250, ttlFrom: "first page" } } },
      source: { expires: { status: [400], match: "CURSOR_EXPIRED" } },
    });
    const { state, code, reason, detail } = await read(source);
    expect({ state, code }).toEqual({ state: "failed", code: "SY302" });
    expect(`${reason} ${detail}`).toMatch(/page \d+/);
  });
});

test("what an API fails with for a moment is asked for again; what lasts is shown, and tried again", async () => {
  await using source = await InProcessSource.start(db, { api: { records: 300 } });
  source.api.faults.next.push(
    null,
    { status: 503 },
    { body: "not json" },
    { breaks: { at: 50, how: "reset" } },
  );
  expect(await read(source)).toMatchObject({ state: "complete", attempts: 0 });
  await source.expectEqual();
});

test("what the API refuses as such stops the source, with what it said", async () => {
  await using source = await InProcessSource.start(db, { api: { records: 300 } });
  source.api.faults.next.push(null, { status: 404, text: '{"error":"no such thing"}' });
  expect(await read(source)).toMatchObject({
    state: "failed",
    code: "SY004",
    records: 100,
    detail: expect.stringContaining("no such thing"),
  });
});

describe("a worker that may not", () => {
  test("call the address says so, and what to set", async () => {
    await using source = await InProcessSource.start(db, {
      api: { records: 10 },
      settings: { AMPSYNC_HTTP_ALLOW: "api.example.com" },
    });
    const { code, hint, dueIn } = await source.pass();
    expect(code).toBe("SY305");
    expect(hint).toContain("AMPSYNC_HTTP_ALLOW");
    expect(dueIn).toBeGreaterThan(50);
    expect(source.api.requests).toEqual([]);
  });

  test("have the secret says so, and sends nothing", async () => {
    await using source = await InProcessSource.start(db, {
      api: { records: 10 },
      source: { auth: { header: "X-Key", secret: "OTHER" } },
      secrets: { API_KEY: SECRET },
    });
    expect(await source.pass()).toMatchObject({ code: "SY306" });
    expect(source.api.requests).toEqual([]);
  });
});
