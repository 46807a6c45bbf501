// Takes 15 s.
import { readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import type { AmpsyncError } from "../../../src/errors.ts";
import { AmpsyncError as Refused } from "../../../src/errors.ts";
import { splitRecords } from "../../../src/http/split-records.ts";
import {
  loggedHint,
  noArray,
  noField,
  noNext,
  notAdvancing,
  unsaidEnd,
} from "../../../src/ingest/definition-errors.ts";
import { meaningOf } from "../../../src/ingest/http-limits.ts";
import { expiredForGood } from "../../../src/ingest/stale-cursor.ts";
import { moreIn, nextToken, nextUrl } from "../../../src/ingest/told.ts";
import { sourceOf } from "../../support/http/source-of.ts";
import { record, records, SqlSource } from "../../support/http/sql-source.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";

const db = rolledBackDatabase();

const SOURCE = sourceOf({
  pages: { type: "cursor", param: "cursor", next: { pointer: "/next" }, more: "/more" },
});

function thrown(decide: () => unknown): AmpsyncError {
  try {
    decide();
  } catch (error) {
    return error as AmpsyncError;
  }
  throw new Error("it was not refused");
}

function answerOf(body: string) {
  const clean = (text: string) => text;
  return { headers: {}, page: splitRecords(Buffer.from(body), "/data", clean), clean };
}

/** What a status means for this source. */
function refusedBy(status: number): AmpsyncError {
  const answer = { status, headers: {}, body: Buffer.from("{}"), isCut: false };
  const rate = { told: [], retryAfterS: null } as unknown as Parameters<typeof meaningOf>[2];
  const what = meaningOf(
    SOURCE,
    answer as never,
    rate,
    { hasToken: false, isFirstPage: true },
    (text) => text,
  );
  if (!("error" in what)) throw new Error(what.kind);
  return what.error;
}

/** Each error of a pass whose hint changes the definition. */
const ERRORS: Readonly<Record<string, () => AmpsyncError>> = {
  "SY301, no next page": () => noNext(),
  "SY301, the same again": () => notAdvancing("Again.", ""),
  "SY301, perhaps the end": () => notAdvancing("Again.", "", { pages: { same: "end" } }),
  "SY303, a failure with a 200": () =>
    noArray(SOURCE, { pointer: "/errors", text: '["it\'s \\\\ late"]' }, null),
  "SY303, no array": () => noArray(SOURCE, null, "nothing"),
  "SY303, null records": () => unsaidEnd(SOURCE),
  "SY303, no word whether more follows": () =>
    thrown(() => moreIn(answerOf('{"data":[],"more":"x"}'), "/more")),
  "SY303, an address as a token": () =>
    thrown(() =>
      nextToken(answerOf('{"data":[],"next":"https://api.example.com/?p=2"}'), {
        kind: "pointer",
        pointer: "/next",
      }),
    ),
  "SY303, a page of another API": () =>
    thrown(() =>
      nextUrl(
        SOURCE,
        answerOf('{"data":[],"next":"https://example.org/"}'),
        { kind: "pointer", pointer: "/next" },
        new URL(SOURCE.url),
      ),
    ),
  "SY303, not ready": () => refusedBy(202),
  "SY307, nothing to go on from": () => noField(SOURCE, 5),
  "SY302, without a key": () =>
    expiredForGood(new Refused("SY302", "the cursor expired", { detail: "", hint: "" })),
  "SY004, refused as such": () => refusedBy(404),
  "SY105, no secret": () => refusedBy(401),
  "SY106, too large": () => refusedBy(413),
};

/** A source that has stored a page, with names that want quotes. */
function stored(source: object): Promise<SqlSource> {
  return SqlSource.prepare(db, {
    source: { query: { kind: "it's", limit: 100 }, ...source },
    valuePolicy: "quarantine",
  }).then(async (made) => {
    await made.page(records(1, 3));
    return made;
  });
}

/** Runs each statement that a hint has, as who reads it would. */
async function paste(hint: string): Promise<void> {
  const statements = hint.match(/select .*?\);(?= |$)/g) ?? [];
  expect(statements).not.toEqual([]);
  for (const statement of statements) await db.query(statement);
}

async function now(name = "events") {
  const { rows } = await db.query(
    `select v.state, v.target, d.definition, d.value_policy
       from ampsync.streams v join ampsync_private.dataset d on d.label = v.dataset where v.dataset = $1`,
    [name],
  );
  return rows[0];
}

/** All that a source has stored, which no hint may lose. */
async function kept(source: SqlSource) {
  const { definition, value_policy } = (await now())!;
  return { definition, value_policy, rows: await source.rows(), parts: await source.parts() };
}

describe("the hint of a source with a key can be pasted as it is:", () => {
  test.each(Object.entries(ERRORS))("%s", async (_, errorOf) => {
    const source = await stored({});
    const before = await kept(source);
    const hint = await source.fail(errorOf());
    expect(hint).not.toMatch(/[<…]/);
    await paste(hint);
    const { state, definition, value_policy } = (await now())!;
    expect(["waiting", "retrying"]).toContain(state);
    expect({ ...before.definition, ...definition }).toEqual(definition); // Nothing is lost.
    expect(value_policy).toBe("quarantine");
    expect(await source.rows()).toEqual(before.rows);
  });
});

describe("the hint of a source without a key can be pasted as it is, and loses nothing:", () => {
  test.each(Object.entries(ERRORS))("%s", async (_, errorOf) => {
    const source = await stored({ key: null });
    const before = await kept(source);
    const hint = await source.fail(errorOf());
    expect(hint).not.toMatch(/[<…]|drop_/);
    await paste(hint);
    const beside = await now("events_1");
    if (beside === undefined) {
      expect(await now()).toMatchObject({ state: "retrying", value_policy: "quarantine" });
      expect(await source.rows()).toEqual(before.rows);
    } else {
      expect(beside).toMatchObject({
        state: "waiting",
        target: "public.events_1",
        value_policy: "quarantine",
      });
      expect({ ...before.definition, ...beside["definition"] }).toEqual(beside["definition"]);
      expect(await kept(source)).toEqual(before);
    }
  });
});

describe("what a source without a key is read into again", () => {
  const again = async (source: SqlSource) =>
    (await refusal(db, `select ampsync.resync('${source.name}')`)).hint!;
  const fields = { id: "text", at: "timestamptz" };

  test("is a table that is made, where the one it has was there before: that one and its rows stay", async () => {
    await db.query(
      "create table public.events (id text, at timestamptz); insert into public.events values ('mine')",
    );
    const source = await stored({ key: null, adopt: true, columns: fields });
    await paste(await again(source));
    expect(await source.rows("id")).toHaveLength(4);
    expect(await now("events_1")).toMatchObject({ target: "public.events_1" });
    expect((await now("events_1"))!["definition"]).not.toHaveProperty("adopt");
  });

  test("has a name that neither a table, nor a source, nor what a source will make has", async () => {
    const source = await stored({ key: null });
    await db.query("create table public.events_1 ()");
    await SqlSource.define(db, { name: "events_2" });
    const { key: _, ...keyless } = (await now())!["definition"];
    await db.query("select ampsync.enqueue_http('other', source => $1, target => 'public.events_3')", [
      JSON.stringify(keyless),
    ]);
    await db.query("select ampsync.enqueue_http('events_4', source => $1, target => 'public.another')", [
      JSON.stringify(keyless),
    ]);
    await paste(await again(source));
    expect(await now("events_5")).toMatchObject({ state: "waiting", target: "public.events_5" });
  });

  test("takes the place of the first as docs/http.md has it", async () => {
    const first = await stored({ key: null });
    await paste(await again(first));
    const second = await SqlSource.prepare(db, { name: "events_1", source: { key: ["id"] } });
    await second.page(records(1, 2));
    const chapter = readFileSync("docs/http.md", "utf8").split("## A source without a key\n")[1]!;
    await db.query(/```sql\nbegin;(.*?)commit;/s.exec(chapter)![1]!);
    await db.query("select ampsync_worker.end_pass($1, $2, 'yielded')", [second.id, second.epoch]);
    await second.acquire();
    await second.begin();
    await second.page(records(3, 7));
    expect(await first.rows("id")).toHaveLength(7);
    const { rows } = await db.query("select dataset, target from ampsync.streams");
    expect(rows).toEqual([{ dataset: "events_1", target: "public.events" }]);
    expect((await db.query("select from public.events_old")).rowCount).toBe(3);
  });

  test("lies in the namespace and the schema of the source", async () => {
    await db.query("create schema theirs");
    const { definition } = (await stored({ key: null }).then(() => now()))!;
    await db.query("select ampsync.enqueue_http('me/logs', source => $1, target => 'theirs.logs')", [
      JSON.stringify(definition),
    ]);
    await db.query("create table theirs.logs (id text)");
    await db.query(
      `with s as (update ampsync_private.stream set target = 'theirs.logs', columns = '[]', has_block_num = false
                   where target_table = 'logs' returning stream_id)
       insert into ampsync_private.part (stream_id, part_no, pages) select stream_id, 0, 1 from s`,
    );
    await paste((await refusal(db, "select ampsync.resync('me/logs')")).hint!);
    expect(await now("me/logs_1")).toMatchObject({ state: "waiting", target: "theirs.logs_1" });
  });
});

describe("where a definition is too long to be shown, the hint has a gap that nobody runs by mistake:", () => {
  const LONG = { body: { q: "x".repeat(5000) } };
  const gap = (error: { hint?: string | undefined }) => {
    expect(error.hint).toContain("too long to be shown");
    expect(error.hint).toMatch(/ source => …[,)]/);
    return error.hint!.slice(error.hint!.indexOf("select "));
  };

  test("another source, where there is no key", async () => {
    const source = await stored({ key: null, ...LONG });
    const before = await kept(source);
    const statement = gap(await refusal(db, "select ampsync.resync('events')"));
    expect(await refusal(db, statement)).toMatchObject({ code: "42703" });
    expect(await kept(source)).toEqual(before);
  });

  test("a restart with a change, where there is one", async () => {
    await stored({});
    const change = JSON.stringify({ url: "https://api.example.com/v2", ...LONG });
    const statement = gap(await refusal(db, `select ampsync.enqueue_http('events', '${change}')`));
    expect(await refusal(db, statement)).toMatchObject({ code: "42703" });
    expect(await now()).toMatchObject({ state: "backfill" });
  });

  test("a source that is refused", async () => {
    const { definition } = (await stored(LONG).then(() => now()))!;
    const call = `select ampsync.enqueue_http('more', '${JSON.stringify(definition).replaceAll("'", "''")}', value_policy => 'no')`;
    expect(await refusal(db, gap(await refusal(db, call)))).toMatchObject({ code: "42703" });
  });

  test("but not that of drop_sync, which is the last that has it", async () => {
    await stored(LONG);
    const { definition } = (await now())!;
    const { rows } = await db.query("select hint from ampsync.drop_sync('events', drop_tables => true)");
    await db.query(rows[0]!["hint"]);
    expect(await now()).toMatchObject({ state: "waiting", definition });
  });
});

describe("a pass of a stream that was dropped meanwhile can tell an error without effect, whose hint has a place for", () => {
  test.each(['<correct {"pages": null}>', "<larger pages>", "alter_sync('<dataset>');"])(
    "%s",
    async (hint) => {
      const source = await stored({});
      await db.query("select ampsync.drop_sync('events')");
      const error = { code: "SY303", message: "no array", detail: "", hint };
      await db.query("select ampsync_worker.mark_retrying($1, $2, $3)", [source.id, source.epoch, error]);
      await db.query("select ampsync_worker.end_pass($1, $2, 'ended', $3)", [source.id, source.epoch, error]);
      expect(await source.events("stream_error")).toEqual([]);
    },
  );
});

test("a hint in the log leads to the one that has its statement", () => {
  expect(loggedHint(noNext().hint, "it's")).toBe(
    "Correct pages: select hint from ampsync.streams where dataset = 'it''s';",
  );
  expect(loggedHint(null, "events")).toBeNull();
});

describe("the hint of SY302 asks for larger pages", () => {
  const RANGE = { field: "/at", since: "since", until: "until", format: "iso", from: "2024-01-01T00:00:00Z" };

  test.each([
    [
      "where a parameter says how large they are",
      { query: { limit: 100, page: 3 } },
      { query: { limit: 200, page: 3 } },
    ],
    ["which may be a text", { query: { "page[size]": "50" } }, { query: { "page[size]": 100 } }],
    ["or in the body", { query: null, body: { size: 10, q: 1 } }, { body: { size: 20, q: 1 } }],
    ["or windows of the range", { query: null, range: RANGE }, { range: { ...RANGE, step: "1 day" } }],
    ["and changes nothing where it knows none", { query: { since: 5 } }, { query: { since: 5 } }],
    ["or has only flags", { query: { first: 1, count: "1" } }, { query: { first: 1, count: "1" } }],
    ["or small places", { query: { top: 0, rows: 9 } }, { query: { top: 0, rows: 9 } }],
    ["not in what may be a place", { query: { first: 500, size: 50 } }, { query: { first: 500, size: 100 } }],
    ["unless nothing else is there", { query: { rows: 50 } }, { query: { rows: 100 } }],
  ])("%s", async (_, given, expected) => {
    const source = await stored(given);
    await db.query("update ampsync_private.part set expiries = 2, expired_page = 1");
    const error = await refusal(db, () =>
      db.query("select ampsync_worker.restart_run($1, $2, 0, '{}')", [source.id, source.epoch]),
    );
    expect(error.code).toBe("SY302");
    await paste(error.hint!);
    expect(await now()).toMatchObject({ definition: expected });
  });
});

test.each([
  ["with a key", {}],
  ["without a key", { key: null }],
])("the hint of SY307 reads records %s in any order", async (kind, key) => {
  const range = { field: "/at", since: "since", format: "iso", sorted: true };
  const source = await stored({ ...key, range });
  await source.page([record(4, { at: "2024-01-05T00:00:00Z" })]);
  const error = await refusal(db, () => source.page([record(5, { at: "2024-01-01T00:00:00Z" })]));
  expect(error.code).toBe("SY307");
  await paste(error.hint!);
  expect(await now(kind === "with a key" ? "events" : "events_1")).toMatchObject({
    definition: { range: { ...range, sorted: false } },
  });
});

describe("the hint of SY004 where the position would mean nothing", () => {
  test.each([
    ["with a key", {}],
    ["without a key", { key: null }],
  ])("reads a source %s from its beginning", async (kind, key) => {
    await stored(key);
    const change = { url: "https://api.example.com/v2/it's", timeout: 20 };
    const error = await refusal(
      db,
      `select ampsync.enqueue_http('events', '${JSON.stringify(change).replaceAll("'", "''")}')`,
    );
    expect(error.code).toBe("SY004");
    await paste(error.hint!);
    expect(await now(kind === "with a key" ? "events" : "events_1")).toMatchObject({
      definition: change,
      value_policy: "quarantine",
    });
  });

  test("or of a restart without a key, reads it into a table beside", async () => {
    await stored({ key: null });
    const error = await refusal(
      db,
      "select ampsync.enqueue_http('events', '{\"timeout\": 20}', restart => true)",
    );
    await paste(error.hint!);
    expect(await now("events_1")).toMatchObject({ definition: { timeout: 20 }, value_policy: "quarantine" });
  });
});
