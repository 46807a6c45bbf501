import { describe, expect, test } from "vitest";

import { record, records, SqlSource } from "../../support/http/sql-source.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";

const db = rolledBackDatabase();

const EXPIRED = { code: "SY104", message: "the cursor expired", detail: "410", hint: "select 1;" };

function restart(source: SqlSource, part = 0): Promise<unknown> {
  return db.query("select ampsync_worker.restart_run($1, $2, $3, $4)", [
    source.id,
    source.epoch,
    part,
    EXPIRED,
  ]);
}

describe("a run that begins again", () => {
  test("begins where it began, and remembers how far it was", async () => {
    const source = await SqlSource.prepare(db);
    await source.apply([{ records: records(1, 2) }, { records: records(3, 4) }, { records: [] }]);
    await restart(source);
    expect(await source.parts()).toMatchObject([
      {
        position: null,
        previous: null,
        pages: "0",
        empty_pages: 0,
        expiries: 1,
        expired_page: "3",
        run: "1",
        done: false,
      },
    ]);
    expect(await source.events("run_restarted")).toMatchObject([
      { ...EXPIRED, part: 0, page: 3, expiries: 1 },
    ]);

    await source.begin();
    await source.page(records(1, 2));
    await restart(source);
    expect(await source.parts()).toMatchObject([{ expiries: 2, expired_page: "3" }]);
  });

  test("stops the source at the third expiry, and names the page that it never passes", async () => {
    const source = await SqlSource.prepare(db);
    for (const pages of [5, 3]) {
      await source.begin();
      await source.apply(Array.from({ length: pages }, () => ({ records: [] })));
      await restart(source);
    }
    await source.begin();
    await source.apply(Array.from({ length: 4 }, () => ({ records: [] })));
    const error = await refusal(db, () => restart(source));
    expect(error).toMatchObject({ code: "SY302", message: expect.stringContaining("never passes page 5") });
    expect(error.hint).toContain("range.step");
    expect(await source.parts()).toMatchObject([{ expiries: 2, pages: "4" }]);
  });

  test("may expire for ever while it gets a tenth further each time", async () => {
    const source = await SqlSource.prepare(db);
    for (const pages of [10, 12, 14, 16, 18]) {
      await source.begin();
      await source.apply(Array.from({ length: pages }, () => ({ records: [] })));
      await restart(source);
      expect(await source.parts()).toMatchObject([{ expiries: 1, expired_page: `${pages}` }]);
    }
  });

  test("goes on from the greatest value where records are sorted, but the lookback", async () => {
    const range = { field: "/n", since: "since", format: "integer", from: 10, sorted: true, lookback: 5 };
    const source = await SqlSource.prepare(db, { source: { range, columns: { id: "text", n: "bigint" } } });
    await source.page([record(1, { n: 12 })]);
    await restart(source);
    expect(await source.parts()).toMatchObject([{ since: "10", high: "12" }]);
    await source.begin();
    await source.page([record(1, { n: 100 })]);
    await restart(source);
    expect(await source.parts()).toMatchObject([{ since: "95", high: "100" }]);
  });

  test("compares sorted records with those since it began again, also where a window begins from its start", async () => {
    const range = {
      ...{ field: "/at", since: "since", until: "until", format: "iso", sorted: true },
      ...{ from: "2024-01-01T00:00:00Z", step: "1 day" },
    };
    const source = await SqlSource.prepare(db, {
      source: { range, columns: { id: "text", at: "timestamptz" } },
    });
    await source.page([record(1, { at: "2024-01-02T00:00:00Z" })]); // Its upper border: the whole window is read again.
    await restart(source);
    await source.begin();
    await source.page([record(2, { at: "2024-01-01T01:00:00Z" })]);
    await source.page([record(3, { at: "2024-01-01T02:00:00Z" })]);
    expect(await source.counts()).toMatchObject({ records: 3, rows: 3 });
  });

  test("does so once, however often it is told because the answer was lost", async () => {
    const source = await SqlSource.prepare(db);
    for (const expiries of [1, 2]) {
      await source.begin();
      await source.page(records(1, 2));
      for (let call = 0; call < 4; call++) await restart(source);
      expect(await source.parts()).toMatchObject([{ expiries, expired_page: "1", pages: "0" }]);
      expect(await source.events("run_restarted")).toHaveLength(expiries);
    }
    await source.begin();
    await source.page(records(1, 2));
    expect(await refusal(db, () => restart(source))).toMatchObject({ code: "SY302" });
  });

  test("does so once for each part", async () => {
    const range = {
      field: "/n",
      since: "since",
      until: "until",
      format: "date",
      from: "2025-01-01",
      step: "1 day",
    };
    const source = await SqlSource.prepare(db, { source: { range } });
    await source.apply([0, 1].map((part) => ({ records: [record(part)], part })));
    for (const part of [0, 1, 0, 1]) await restart(source, part);
    expect((await source.parts()).slice(0, 2)).toMatchObject([{ expiries: 1 }, { expiries: 1 }]);
    expect(await source.events("run_restarted")).toMatchObject([{ part: 0 }, { part: 1 }]);
  });

  test("counts also where it expires before its first page, with what the run before left", async () => {
    const source = await SqlSource.prepare(db, { source: { every: "1 h", on_conflict: "replace" } });
    await source.page(records(1, 2), { next: { token: "later" }, done: true });
    await db.query("select ampsync.resume_sync('events')");
    await source.begin();
    expect(await source.parts()).toMatchObject([{ run: "2", pages: "0", position: { token: "later" } }]);
    for (let call = 0; call < 2; call++) await restart(source);
    expect(await source.parts()).toMatchObject([{ expiries: 1, position: null }]);
    expect(await source.events("run_restarted")).toMatchObject([{ page: 0, expiries: 1 }]);
  });

  test("is none for a worker that has lost the lease, done or not", async () => {
    const source = await SqlSource.prepare(db);
    await source.page(records(1, 2));
    await restart(source);
    source.epoch = "7";
    expect(await refusal(db, () => restart(source))).toMatchObject({ code: "SY001" });
  });

  test("needs the lease, and its part", async () => {
    const source = await SqlSource.prepare(db);
    expect(await refusal(db, () => restart(source, 3))).toMatchObject({ code: "SY001" });
    source.epoch = "7";
    expect(await refusal(db, () => restart(source))).toMatchObject({ code: "SY001" });
  });
});
