import type { CursorFaults } from "../../../../src/devserver/http/paging/cursor-faults.ts";
import type { PageFaults } from "../../../../src/devserver/http/paging/page-faults.ts";
import type { StyleName } from "../../../../src/devserver/http/styles.ts";
import type { Trouble } from "../../../../src/devserver/http/trouble/trouble.ts";
import type { Dice } from "../../dice.ts";
import { type Cases, casesOf, equal, few, type Made, nth, type Outcome, shows, stops } from "./fault-case.ts";

const NUMBERED = { pages: { type: "page", param: "page" } };
const NEWEST = { on_conflict: { newest: "updated_at" } };
const NEXT = { type: "cursor", param: "cursor", next: "/pagination/nextCursor" };

const cursors =
  (given: Partial<CursorFaults>, outcome: Outcome, source = {}) =>
  (roll: Dice): Made => ({
    api: { records: few(roll), faults: { cursors: given } },
    source,
    outcome,
  });

const stuck = (how: "same" | "ignored" | "null", outcome: Outcome) => (roll: Dice) =>
  cursors({ stuck: { how, from: roll(0, 1) * 100 } }, outcome)(roll);

const pages =
  (style: StyleName, given: Partial<PageFaults>, outcome: Outcome, source = {}) =>
  (roll: Dice): Made => ({
    api: { style, records: few(roll), faults: { pages: given } },
    source,
    outcome,
  });

const empty = (style: StyleName, most: number) => (roll: Dice) =>
  pages(style, { empty: { from: roll(1, 200), count: roll(1, most) } }, equal)(roll);

/** Once more, one page back, from the beginning: each of these requests names a cursor. */
const expired =
  (trouble: Trouble, expires: object) =>
  (roll: Dice): Made => ({
    api: { records: few(roll), faults: { next: nth(3, ...Array(roll(1, 3)).fill(trouble)) } },
    source: { expires },
    outcome: equal,
  });

const asError = (code: string, message: string) => JSON.stringify({ error: { code, message } });

/** Another run has what came or changed meanwhile. */
const meanwhile =
  (style: StyleName, given: Partial<PageFaults>, source: object) =>
  (roll: Dice): Made => ({
    ...pages(style, given, equal, source)(roll),
    later: () => {},
  });

export const PAGING_CASES = casesOf({
  "tokens that encodings can lose": cursors({ form: "hostile" }, equal),
  "tokens that are long numbers": cursors({ form: "number" }, equal),
  "tokens that are arrays": cursors({ form: "array" }, equal),
  "tokens that are objects": cursors({ form: "object" }, equal),
  "tokens that are URLs": cursors({ form: "url" }, shows("SY303")),
  "a cursor that leads to itself": stuck("same", shows("SY301")),
  "a cursor that is ignored": stuck("ignored", stops("SY301")),
  "a cursor that is null before the end": stuck("null", shows("SY301")),
  "the cursor that was sent as the end": cursors({ sameAtEnd: true }, equal, {
    pages: { ...NEXT, same: "end" },
  }),
  "the cursor that was sent as the end, which nobody said": cursors({ sameAtEnd: true }, stops("SY301"), {
    pages: NEXT,
  }),
  "a cursor on the last page": cursors({ tokenAtEnd: true }, equal),
  "a first token that is wanted": cursors({ firstToken: "*" }, equal, {
    pages: { ...NEXT, more: "/pagination/hasMore", first: "*" },
  }),
  "a cursor that the server keeps": cursors({ held: true }, stops("SY301")),
  "a cursor that expires, by code": expired(
    { status: 400, text: asError("CURSOR_EXPIRED", "the cursor is too old") },
    { status: [400], match: "CURSOR_EXPIRED" },
  ),
  "a cursor that expires, by 410": expired({ status: 410, text: asError("GONE", "no longer there") }, {}),
  "a cursor that expires, by a text alone": expired(
    { status: 400, text: asError("BAD_REQUEST", "Cursor has expired, please restart the listing") },
    { status: [400], match: ["has expired", "CURSOR_EXPIRED"] },
  ),
  "a cursor that expires, without a key": (roll) => ({
    ...expired({ status: 410 }, {})(roll),
    api: { records: few(roll), faults: { next: nth(roll(2, 3), { status: 410 }, { status: 410 }) } },
    source: { key: undefined },
    outcome: stops("SY302"),
  }),
  "a cursor that lives from its first page": (roll) => ({
    api: { records: few(roll), faults: { latencyMs: 40, cursors: { ttlMs: 200, ttlFrom: "first page" } } },
    source: { query: { limit: 2 }, expires: { status: [400], match: "CURSOR_EXPIRED" } },
    outcome: stops("SY302"),
  }),
  "empty pages between cursors": empty("events", 60),
  "empty pages between links": empty("jsonapi", 20),
  "empty pages between links of a header": empty("github", 20),
  "an empty page beyond the last number": pages("github", { beyondEnd: "empty" }, equal, NUMBERED),
  "the last page for every number beyond": pages(
    "github",
    { beyondEnd: "last page" },
    shows("SY301"),
    NUMBERED,
  ),
  "404 beyond the last number": pages("github", { beyondEnd: 404 }, equal, {
    pages: { ...NUMBERED.pages, end_status: [404] },
  }),
  "404 beyond the last number, which nobody said": pages(
    "github",
    { beyondEnd: 404 },
    shows("SY004"),
    NUMBERED,
  ),
  "500 beyond the last number": pages("github", { beyondEnd: 500 }, shows("SY104"), NUMBERED),
  "the last page for every offset beyond": pages("offset", { beyondEnd: "last page" }, shows("SY301")),
  "404 beyond the last offset": pages("offset", { beyondEnd: 404 }, equal, {
    pages: { type: "offset", param: "offset", end_status: [404] },
  }),
  "links to the last page for ever": pages("jsonapi", { beyondEnd: "last page" }, shows("SY301")),
  ...Object.fromEntries(
    (["events", "jsonapi", "github", "stripe", "elastic", "offset"] as const).map((style) => [
      `pages of ${style} that are clamped`,
      (roll: Dice) => pages(style, { maxSize: roll(30, 99) }, equal)(roll),
    ]),
  ),
  "records that come in front of an offset": meanwhile(
    "offset",
    { newestFirst: true, meanwhile: { pages: 2, append: 7 } },
    {},
  ),
  "records that come in front of a cursor": meanwhile(
    "events",
    { newestFirst: true, meanwhile: { pages: 2, append: 7 } },
    {},
  ),
  "records that come in front of the last one read": meanwhile(
    "stripe",
    { meanwhile: { pages: 2, append: 7 } },
    {},
  ),
  "records that change while they are paged": meanwhile(
    "github",
    { meanwhile: { pages: 2, change: 9, late: 3 } },
    NEWEST,
  ),
  "records that come twice": (roll) => pages("offset", { duplicateEvery: roll(3, 9) }, equal)(roll),
  "links to another host": pages("jsonapi", { linkOrigin: "http://127.0.0.2:9" }, shows("SY303")),
  "a last page that fills later": (roll) => ({
    ...pages("github", {}, equal, { ...NUMBERED, append_only: true })(roll),
    later: (api) => api.append(roll(1, 150)),
  }),
  "late records below the mark": (roll) => ({
    ...pages("events", {}, equal, {
      range: { field: "/updated_at", since: "since", format: "iso_ms", lookback: "2 hours" },
    })(roll),
    later: (api) => api.append(roll(1, 30), { lateMs: 3_600_000 }),
  }),
  "records that changed since": (roll) => ({
    ...pages("github", {}, equal, {
      ...NEWEST,
      range: { field: "/updated_at", since: "since", format: "iso" },
    })(roll),
    later: (api) => api.change(roll(5, 40)),
  }),
  "records that tie at the mark": (roll) => ({
    api: { style: "github", records: few(roll), oddities: { ties: roll(80, 170) } },
    source: { ...NEWEST, range: { field: "/updated_at", since: "since", format: "iso" } },
    outcome: equal,
    later: (api) => api.append(roll(1, 90), { oddities: { ties: 50 } }),
  }),
  ...Object.fromEntries(
    (["[]", "(]", "()"] as const).map((bounds) => [
      `a range whose bounds are ${bounds}`,
      (roll: Dice) =>
        ({
          ...pages("events", { bounds }, equal, {
            range: { field: "/sequence", since: "since_sequence", format: "integer", from: 1, bounds },
          })(roll),
          later: (api) => api.append(roll(1, 90)),
        }) satisfies Made,
    ]),
  ),
} satisfies Cases);
