// Takes 14 s.
import { describe, expect, test } from "vitest";

import { record, records, SqlSource } from "../../support/http/sql-source.ts";
import { stopClock } from "../../support/postgres/clock.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";

const db = rolledBackDatabase();

const COLUMNS = { id: "text", at: "timestamptz" };
const us = (time: string) => `${Date.parse(time)}000`;

/** What end_pass, or resume_sync, does at the end of a run: the next one is due. */
async function due(source: SqlSource, inSeconds = 0): Promise<void> {
  await db.query(
    "update ampsync_private.stream set run_due = ampsync_private.now() + $2 * interval '1 s' where stream_id = $1",
    [source.id, inSeconds],
  );
}

async function isOver(source: SqlSource): Promise<boolean> {
  const { rows } = await db.query("select ampsync_private.run_is_over($1) as over", [source.id]);
  return rows[0]!["over"];
}

function polled(definition: object): Promise<SqlSource> {
  return SqlSource.prepare(db, {
    source: { every: "10 seconds", on_conflict: "replace", columns: COLUMNS, ...definition },
  });
}

describe("a run", () => {
  test("begins where every part has ended and it is due, and not before", async () => {
    const source = await polled({});
    await source.page(records(1, 2));
    await due(source);
    expect((await source.begin()).parts).toMatchObject([{ pages: "1" }]); // Not while one is under way.

    await source.page(records(3, 3), { done: true });
    await due(source, 10);
    expect((await source.begin()).parts).toEqual([]);
    expect(await isOver(source)).toBe(true);

    await due(source);
    expect((await source.begin()).parts).toMatchObject([{ pages: "0" }]);
    expect(await source.parts()).toMatchObject([{ run: "2", pages: "0", records: "0", done: false }]);
    expect(await source.stream()).toMatchObject({ run_due: null });
    expect(await isOver(source)).toBe(false);
  });

  test("begins once, however often it is asked for", async () => {
    const source = await polled({});
    await source.page([], { done: true });
    await due(source);
    await source.begin();
    await source.begin();
    expect(await source.parts()).toMatchObject([{ run: "2" }]);
    await source.page([], { done: true });
    await source.begin();
    expect(await source.parts()).toMatchObject([{ run: "2", done: true }]);
  });

  test("begins with counts of its own; the greatest value stays", async () => {
    const source = await polled({ range: { field: "/at", since: "since", format: "iso" } });
    await source.page([record(1, { at: "2024-01-01T00:00:00Z" })]);
    await source.page([], { done: true });
    await db.query("update ampsync_private.part set expiries = 2, expired_page = 7");
    await due(source);
    await source.begin();
    expect(await source.parts()).toMatchObject([
      {
        pages: "0",
        records: "0",
        empty_pages: 0,
        expiries: 0,
        expired_page: "0",
        high: us("2024-01-01T00:00:00Z"),
      },
    ]);
  });
});

describe("the next run of a source", () => {
  const next = async (source: SqlSource) => {
    await due(source);
    const { parts } = await source.begin();
    return parts[0];
  };
  const types = {
    cursor: { type: "cursor", param: "cursor", next: "/next" },
    link: { type: "link", next: "/next" },
    page: { type: "page", param: "page" },
    offset: { type: "offset", param: "offset" },
    after: { type: "after", param: "after", field: "/id" },
  };

  test("by cursor begins at the token that the last answer named", async () => {
    const source = await polled({ pages: types.cursor });
    await source.page(records(1, 2));
    await source.page([], { done: true, next: { token: "caught up" } });
    expect(await next(source)).toMatchObject({ position: { token: "caught up" }, previous: null });
  });

  test("by cursor without a token begins at the beginning", async () => {
    const source = await polled({ pages: types.cursor });
    await source.page(records(1, 2));
    await source.page(records(3, 3), { done: true });
    expect(await next(source)).toMatchObject({ position: null, previous: null });
  });

  test.each(["link", "page", "offset", "after"] as const)("by %s is a full pass by key", async (type) => {
    const source = await polled({ pages: types[type] });
    await source.page(records(1, 2), { next: { some: 1 } });
    await source.page([], { done: true, next: { some: 2 } });
    expect(await next(source)).toMatchObject({ position: null, previous: null });
  });

  test.each(["cursor", "link", "page"] as const)(
    "that only grows, by %s, asks again for the last page that had records",
    async (type) => {
      const source = await polled({ pages: types[type], append_only: true });
      await source.page(records(1, 2), { next: { some: 1 } });
      await source.page(records(3, 4), { next: { some: 2 } });
      await source.page([], { next: { some: 3 } });
      await source.page([], { done: true, next: null });
      expect(await next(source)).toMatchObject({ position: { some: 1 }, previous: { some: 1 } });
      await source.page([], { done: true, next: null }); // Nothing came.
      expect(await next(source)).toMatchObject({ position: { some: 1 }, previous: { some: 1 } });
    },
  );

  test("that only grows asks for its first page again while that is the last", async () => {
    const source = await polled({ pages: types.page, append_only: true });
    await source.page(records(1, 2), { done: true, next: null });
    expect(await next(source)).toMatchObject({ position: null, previous: null });
  });

  test.each(["offset", "after"] as const)(
    "that only grows, by %s, goes on behind the last record",
    async (type) => {
      const source = await polled({ pages: types[type], append_only: true });
      await source.page(records(1, 2), { next: { some: 2 } });
      await source.page([], { done: true, next: { some: 2 } });
      expect(await next(source)).toMatchObject({ position: { some: 2 } });
    },
  );
});

describe("the next run of a source with a range", () => {
  const DAY = (day: number, time = "00:00:00Z") => `2024-01-${String(day).padStart(2, "0")}T${time}`;

  async function ranged(range: object, columns: object = COLUMNS): Promise<SqlSource> {
    await stopClock(db, DAY(20));
    return polled({
      range: { field: "/at", since: "since", until: "until", format: "iso", ...range },
      columns,
      pages: { type: "page", param: "page" },
    });
  }
  async function run(source: SqlSource, ...times: string[]) {
    await source.page(
      times.map((at, n) => record(n, { at })),
      { done: true, next: null },
    );
    await due(source);
    const { parts } = await source.begin();
    return parts[0].since;
  }

  test("begins at the greatest value that was stored, never at the clock, never down", async () => {
    const source = await ranged({});
    expect(await source.parts()).toMatchObject([{ since: null, until: null }]);
    expect(await run(source, DAY(3), DAY(5), DAY(4))).toBe(us(DAY(5)));
    expect(await run(source)).toBe(us(DAY(5)));
    expect(await run(source, DAY(4))).toBe(us(DAY(5)));
    expect(await run(source, DAY(6, "12:00:00.5Z"))).toBe(`${Number(us(DAY(6, "12:00:00Z"))) + 500_000}`);
  });

  test("begins where the range begins while nothing was stored, and not before that", async () => {
    const source = await ranged({ from: DAY(2), lookback: "3 days" });
    expect(await run(source)).toBe(us(DAY(2)));
    expect(await run(source, DAY(4))).toBe(us(DAY(2)));
    expect(await run(source, DAY(9))).toBe(us(DAY(6)));
  });

  test("begins one granule above a mark that is settled, which is older than the lag when the run began", async () => {
    const source = await ranged({ lag: "1 day" });
    expect(await run(source, DAY(18))).toBe(us(DAY(18, "00:00:01Z")));
    expect(await run(source, DAY(18, "23:59:59Z"))).toBe(us(DAY(19)));
    expect(await run(source, DAY(19))).toBe(us(DAY(19))); // More of this second may come.
    await stopClock(db, DAY(22));
    await db.query("update ampsync_private.lease set lease_until = ampsync_private.now() + interval '30 s'");
    expect(await run(source)).toBe(us(DAY(19))); // The run that read it began before it was settled.
    expect(await run(source)).toBe(us(DAY(19, "00:00:01Z")));
  });

  test("begins above the whole granule, also where times are finer than that", async () => {
    const source = await ranged({ lag: "1 minute" });
    expect(await run(source, DAY(18, "10:00:00.700Z"))).toBe(us(DAY(18, "10:00:01Z")));
  });

  test.each([
    ["", {}, DAY(19)],
    [", less the lookback", { lookback: "1 hour" }, DAY(18, "23:00:00Z")],
  ])(
    "begins at most where the run before was to end%s, for others of before that may come",
    async (_, range, since) => {
      const source = await ranged({ lag: "1 day", ...range });
      expect(await run(source, DAY(19, "00:00:01Z"))).toBe(us(since));
      expect(await run(source, DAY(20))).toBe(us(since));
    },
  );

  test("does not begin at a value of more than a day ahead, of which nothing tells when it is over", async () => {
    const source = await ranged({});
    expect(await run(source, DAY(3), "2099-01-01T00:00:00Z", DAY(5))).toBe(us(DAY(5)));
    expect(await run(source, "2099-01-01T00:00:00Z")).toBe(us(DAY(5)));
    expect(await run(source, DAY(21))).toBe(us(DAY(21))); // Zones and clocks differ by as much.
    expect(await source.counts()).toMatchObject({ records: 5, rows: 3 }); // It is stored all the same.
  });

  test.each([
    ["a column reads it", COLUMNS],
    ["no column reads it", { id: "text" }],
  ])(
    "tells of such a value once in a run, and in later ones only of a later one, where %s",
    async (_, columns) => {
      const source = await ranged({}, columns);
      await source.page([record(1, { at: "2099-01-01T00:00:00Z" }), record(2, { at: DAY(3) })]);
      await source.page([record(3, { at: "2100-01-01T00:00:00Z" })]);
      expect(await source.events("record_ahead")).toEqual([
        { field: "/at", time: "2099-01-01T00:00:00+00:00" },
      ]);
      const shown = async () => (await db.query("select position, lag from ampsync.streams")).rows;
      expect(await shown()).toMatchObject([
        {
          position: "token p0-2; a record is dated 2100-01-01T00:00:00Z, which is no mark to go on from",
          lag: { days: 17 },
        },
      ]);
      await source.page([], { done: true });
      await due(source);
      await source.begin();
      expect((await shown())[0]!["position"]).not.toContain("dated");
      await source.page([record(1, { at: "2099-01-01T00:00:00Z" })], { done: true });
      expect(await source.events("record_ahead")).toHaveLength(1);
      expect((await shown())[0]!["position"]).toContain("2099-01-01T00:00:00Z");
      await due(source);
      await source.begin();
      await source.page([record(1, { at: "2101-01-01T00:00:00Z" })]);
      expect(await source.events("record_ahead")).toHaveLength(2);
    },
  );

  test("does not take such a value for one that breaks the order of sorted records", async () => {
    const source = await ranged({ sorted: true });
    await source.page([record(1, { at: DAY(3) }), record(2, { at: "2099-01-01T00:00:00Z" })]);
    await source.page([record(3, { at: DAY(4) })]);
    expect(await source.parts()).toMatchObject([{ high: us(DAY(4)), run_high: us(DAY(4)) }]);
  });

  test("leaves such a value out beside records that were set aside, which are no mark either", async () => {
    await stopClock(db, DAY(20));
    const source = await SqlSource.prepare(db, {
      source: {
        columns: { ...COLUMNS, n: "integer" },
        range: { field: "/at", since: "since", format: "iso" },
        on_conflict: "replace",
      },
      valuePolicy: "quarantine",
    });
    await source.page([
      record(1, { at: DAY(3) }),
      record(2, { at: DAY(9), n: "x" }),
      record(3, { at: "2099-01-01T00:00:00Z" }),
    ]);
    expect(await source.parts()).toMatchObject([{ high: us(DAY(3)) }]);
    expect(await source.counts()).toEqual({ records: 3, rows: 2, duplicates: 0, rejected: 1 });
  });

  describe("reads its field in the unit of the column, whatever the format of its bounds", () => {
    const UNITS = { s: 1e-3, ms: 1, us: 1e3 };
    const BOTH: readonly [string, keyof typeof UNITS, object][] = [
      ["s", "ms", { unit: "ms" }],
      ["ms", "s", { unit: "s" }],
      ["iso", "us", { unit: "us" }],
      ["s", "ms", {}],
    ];
    const inUnit = (unit: keyof typeof UNITS, time: string) => Math.round(Date.parse(time) * UNITS[unit]);

    test.each(BOTH)(
      "bounds in %s, field in %s, column %j: beside one far ahead",
      async (format, unit, more) => {
        const source = await ranged({ format }, { id: "text", at: { type: "timestamptz", ...more } });
        const at = (n: number, time: string) => record(n, { at: inUnit(unit, time) });
        await source.page([at(1, DAY(3)), at(2, "2099-01-01T00:00:00Z"), at(3, DAY(5))]);
        expect(await source.parts()).toMatchObject([{ high: us(DAY(5)) }]);
      },
    );

    test.each(BOTH)("bounds in %s, field in %s, column %j: of sorted records", async (format, unit, more) => {
      const source = await ranged(
        { format, sorted: true },
        { id: "text", at: { type: "timestamptz", ...more } },
      );
      const at = (n: number, time: string) => record(n, { at: inUnit(unit, time) });
      await source.page([at(1, DAY(3))]);
      await source.page([at(2, DAY(4))]);
      await source.page([at(3, DAY(5))]);
      expect(await source.parts()).toMatchObject([{ high: us(DAY(5)) }]);
      expect(await refusal(db, () => source.page([at(4, DAY(4))]))).toMatchObject({ code: "SY307" });
    });

    test.each(BOTH)(
      "bounds in %s, field in %s, column %j: beside a value that becomes NULL",
      async (format, unit, more) => {
        await stopClock(db, DAY(20));
        const source = await SqlSource.prepare(db, {
          source: {
            columns: { id: "text", n: "integer", at: { type: "timestamptz", ...more } },
            range: { field: "/at", since: "since", format },
          },
          valuePolicy: "null",
        });
        await source.page([record(1, { at: inUnit(unit, DAY(3)), n: "bad" })]);
        expect(await source.parts()).toMatchObject([{ high: us(DAY(3)) }]);
      },
    );
  });

  test("counts in integers where the range does", async () => {
    const source = await polled({
      range: { field: "/n", since: "since", format: "integer", lookback: 10 },
      columns: { id: "text", n: "bigint" },
      pages: { type: "page", param: "page" },
    });
    await source.page([record(1, { n: 90 }), record(2, { n: 100 })], { done: true, next: null });
    await due(source);
    expect((await source.begin()).parts).toMatchObject([{ since: "90" }]);
    expect(await source.parts()).toMatchObject([{ since: "90", high: "100" }]);
  });
});

describe("a range that is cut into windows", () => {
  const HOUR = (hour: number) =>
    `2024-01-${String(1 + Math.floor(hour / 24)).padStart(2, "0")}T${String(hour % 24).padStart(2, "0")}:00:00Z`;

  async function cut(more: object = {}, every: string | null = "1 minute", at = HOUR(5)): Promise<SqlSource> {
    await stopClock(db, at);
    return SqlSource.prepare(db, {
      source: {
        ...(every === null ? {} : { every }),
        on_conflict: { newest: "at" },
        columns: COLUMNS,
        range: {
          field: "/at",
          since: "s",
          until: "u",
          format: "iso",
          from: HOUR(0),
          step: "1 hour",
          ...more,
        },
      },
    });
  }
  async function at(time: string): Promise<void> {
    await stopClock(db, time);
    await db.query("update ampsync_private.lease set lease_until = ampsync_private.now() + interval '30 s'");
  }
  const windows = async (source: SqlSource) =>
    (await source.parts()).map(({ since, until, done, run }) => {
      const hour = (micros: string) => (Number(micros) - Number(us(HOUR(0)))) / 3_600_000_000;
      return `${hour(since)}-${hour(until)}${done ? " done" : ""}${run === "1" ? "" : ` run ${run}`}`;
    });
  const finish = async (source: SqlSource, ...parts: number[]) =>
    source.apply(parts.map((part) => ({ records: [], part, done: true, next: null })));

  /** The windows of the next run, which then reads all of them. */
  const nextRun = async (source: SqlSource) => {
    await due(source);
    const { parts } = await source.begin();
    const begun = await windows(source);
    await finish(source, ...parts.map(({ part }: { part: string }) => Number(part)));
    return begun;
  };

  test("has one part for each, which share their borders, up to the horizon", async () => {
    const source = await cut();
    expect(await windows(source)).toEqual(["0-1", "1-2", "2-3", "3-4", "4-5"]);
    expect(await isOver(source)).toBe(false);
  });

  test("reads the newest window too, which reaches beyond the horizon", async () => {
    expect(await windows(await cut({}, "1 minute", "2024-01-01T02:30:00Z"))).toEqual(["0-1", "1-2", "2-3"]);
  });

  test("keeps the lag behind the clock", async () => {
    expect(await windows(await cut({ lag: "2 hours" }))).toEqual(["0-1", "1-2", "2-3"]);
  });

  test("has its first window even if that lies in the future", async () => {
    const source = await cut({ from: HOUR(8) });
    expect(await windows(source)).toEqual(["8-9"]);
    expect(await isOver(source)).toBe(false);
  });

  test("opens 100 at once, and the next ones when some have ended", async () => {
    const source = await cut({}, null, HOUR(130));
    const { parts } = await source.begin();
    expect(parts).toHaveLength(100);
    await finish(source, ...Array.from({ length: 100 }, (_, part) => part));
    expect(await isOver(source)).toBe(false);
    expect((await source.begin()).parts).toHaveLength(30);
    expect(await windows(source)).toHaveLength(31);
    expect((await windows(source))[0]).toBe("0-100 done");
  });

  test("folds neighbours that are read for good, wherever they lie", async () => {
    const source = await cut();
    await source.apply([
      { records: [record(1, { at: HOUR(1) })], part: 1, done: true, next: null },
      { records: [record(2, { at: HOUR(2) }), record(3, { at: HOUR(2) })], part: 2, done: true, next: null },
      { records: [], part: 4, done: true, next: null },
    ]);
    await source.begin();
    expect(await windows(source)).toEqual(["0-1", "1-3 done", "3-4", "4-5 done"]);
    expect((await source.parts())[1]).toMatchObject({
      part_no: "1",
      records: "3",
      pages: "2",
      high: us(HOUR(2)),
    });
    await finish(source, 0, 3);
    await source.begin();
    expect(await windows(source)).toEqual(["0-5 done"]);
    expect(await isOver(source)).toBe(true);
  });

  test("opens no window for what comes after the run began, until the next run is due", async () => {
    const source = await cut();
    await finish(source, 0, 1, 2, 3, 4);
    await at(HOUR(8));
    expect((await source.begin()).parts).toEqual([]);
    expect(await isOver(source)).toBe(true);
    await due(source);
    await source.begin();
    expect(await windows(source)).toEqual(["0-5 done", "5-6 run 2", "6-7 run 2", "7-8 run 2"]);
  });

  test("reads the newest window again until it lies wholly below the horizon", async () => {
    const source = await cut({}, "1 minute", "2024-01-01T01:30:00Z");
    await finish(source, 0, 1);
    await at("2024-01-01T01:40:00Z");
    await due(source);
    await source.begin();
    expect(await windows(source)).toEqual(["0-1 done", "1-2 run 2"]);
    await finish(source, 1);
    await at("2024-01-01T02:10:00Z");
    await due(source);
    await source.begin();
    expect(await windows(source)).toEqual(["0-1 done", "1-2 run 3", "2-3 run 3"]);
    await finish(source, 1, 2);
    await due(source);
    await source.begin();
    expect(await windows(source)).toEqual(["0-2 done run 3", "2-3 run 4"]);
  });

  test("reads windows again that lie within the lookback", async () => {
    const source = await cut({ lookback: "90 minutes" });
    await finish(source, 0, 1, 2, 3, 4);
    await due(source);
    await source.begin();
    expect(await windows(source)).toEqual(["0-3 done", "3-4 run 2", "4-5 run 2"]);
  });

  describe("whose lookback or lag is raised", () => {
    const change = (range: object) =>
      db.query("select ampsync.enqueue_http('events', $1)", [
        JSON.stringify({
          range: {
            field: "/at",
            since: "s",
            until: "u",
            format: "iso",
            from: HOUR(0),
            step: "1 hour",
            ...range,
          },
        }),
      ]);

    test.each([
      ["lookback", { lookback: "90 minutes" }],
      ["lag", { lag: "90 minutes" }],
      ["sum of both", { lookback: "1 hour", lag: "30 minutes" }],
    ])("reads again what its %s reaches, and not what lies before", async (_, range) => {
      const source = await cut();
      await finish(source, 0, 1, 2, 3, 4);
      await source.begin();
      expect(await windows(source)).toEqual(["0-5 done"]);
      await change(range);
      await due(source);
      await source.begin();
      const again = "lag" in range && !("lookback" in range) ? ["3-4 run 2"] : ["3-4 run 2", "4-5 run 2"];
      expect(await windows(source)).toEqual(["0-3 done", ...again]);
    });

    test("reads all again where it reaches so far", async () => {
      const source = await cut();
      await finish(source, 0, 1, 2, 3, 4);
      await source.begin();
      await change({ lookback: "7 days" });
      await due(source);
      await source.begin();
      expect(await windows(source)).toEqual([0, 1, 2, 3, 4].map((n) => `${n}-${n + 1} run 2`));
    });

    test("reads nothing of a run under way again", async () => {
      const source = await cut();
      await finish(source, 0, 1, 2);
      await source.begin();
      await change({ lookback: "90 minutes" });
      expect((await source.begin()).parts).toHaveLength(2);
    });

    test("reads on from there, and folds it again", async () => {
      const source = await cut();
      await finish(source, 0, 1, 2, 3, 4);
      await source.begin();
      await change({ lookback: "90 minutes" });
      expect(await nextRun(source)).toEqual(["0-3 done", "3-4 run 2", "4-5 run 2"]);
      await at(HOUR(8));
      expect(await nextRun(source)).toEqual([
        "0-3 done",
        "3-4 run 3",
        "4-5 run 3",
        "5-6 run 3",
        "6-7 run 3",
        "7-8 run 3",
      ]);
      await at(HOUR(9));
      expect(await nextRun(source)).toEqual(["0-6 done run 3", "6-7 run 4", "7-8 run 4", "8-9 run 4"]);
    });

    test("counts its runs on, however far it reaches", async () => {
      const source = await cut();
      await finish(source, 0, 1, 2, 3, 4);
      await at(HOUR(6));
      expect(await nextRun(source)).toEqual(["0-5 done", "5-6 run 2"]);
      await change({ lookback: "7 days" });
      await due(source);
      await source.begin();
      expect(await windows(source)).toEqual([0, 1, 2, 3, 4, 5].map((n) => `${n}-${n + 1} run 3`));
    });
  });

  test("never reads again what it has folded, however late it was", async () => {
    const source = await cut();
    await finish(source, 0, 1, 2, 3, 4);
    await at("2024-01-01T07:30:00Z");
    expect(await nextRun(source)).toEqual(["0-5 done", "5-6 run 2", "6-7 run 2", "7-8 run 2"]);
    await at("2024-01-01T07:40:00Z");
    expect(await nextRun(source)).toEqual(["0-7 done run 2", "7-8 run 3"]);
    await at("2024-01-01T08:10:00Z");
    expect(await nextRun(source)).toEqual(["0-7 done run 2", "7-8 run 4", "8-9 run 4"]);
    expect(await nextRun(source)).toEqual(["0-8 done run 4", "8-9 run 5"]);
    expect(await nextRun(source)).toEqual(["0-8 done run 4", "8-9 run 6"]);
  });

  test("goes on from the end of the last run where all that was read is one", async () => {
    const source = await cut();
    await finish(source, 0, 1, 2, 3, 4);
    for (const [hour, read] of [
      [6, "0-5 done"],
      [7, "0-6 done run 2"],
      [8, "0-7 done run 3"],
    ] as const) {
      await at(HOUR(hour));
      expect(await nextRun(source)).toEqual([read, `${hour - 1}-${hour} run ${hour - 4}`]);
      expect(await isOver(source)).toBe(true);
    }
  });

  test("compares the records of its newest window with those of the same run alone", async () => {
    const source = await cut({ sorted: true }, "1 minute", "2024-01-01T00:30:00Z");
    const read = (minute: number, done = false) =>
      source.page([record(minute, { at: `2024-01-01T00:${minute}:00Z` })], {
        done,
        ...(done && { next: null }),
      });
    await read(10);
    await read(20, true);
    await at("2024-01-01T00:40:00Z");
    await due(source);
    await source.begin();
    await read(10);
    await read(15);
    await read(20, true);
    expect(await source.counts()).toMatchObject({ records: 5, rows: 3 });
  });
});
