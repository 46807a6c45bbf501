import type { Trouble } from "../../../../src/devserver/http/trouble/trouble.ts";
import type { Dice } from "../../dice.ts";
import { type Cases, casesOf, equal, few, type Made, nth, type Outcome, shows } from "./fault-case.ts";

/** In seconds: the server of a test is next door. */
const IMPATIENT = { timeout: 1 };
const SLOW_MS = 1_500;

const once =
  (trouble: Trouble | ((roll: Dice) => Trouble), source = {}) =>
  (roll: Dice): Made => ({
    api: {
      records: few(roll),
      faults: { next: nth(roll(1, 3), typeof trouble === "function" ? trouble(roll) : trouble) },
    },
    source,
    outcome: equal,
  });

const always =
  (trouble: Trouble, outcome: Outcome, source = {}) =>
  (roll: Dice): Made => ({
    api: { records: few(roll), faults: { each: trouble } },
    source,
    outcome,
  });

const broken = (how: NonNullable<Trouble["breaks"]>["how"]) =>
  once((roll) => ({ breaks: { at: roll(0, 8_000), how } }), IMPATIENT);

/** Pages that say that they are empty are as empty as they say. */
const served = (made: Made): Made => ({
  ...made,
  truth: (api) => api.recordsServed().map(({ versions }) => versions.at(-1)!),
});

const named = <Key extends string | number>(
  keys: readonly Key[],
  name: (key: Key) => string,
  made: (key: Key) => (roll: Dice) => Made,
): Cases => Object.fromEntries(keys.map((key) => [name(key), made(key)]));

export const ANSWER_CASES = casesOf({
  "a row of failures": (roll) => ({
    api: {
      records: few(roll),
      faults: { next: nth(roll(1, 3), { status: 500 }, { status: 408 }, { status: 425 }) },
    },
    outcome: equal,
  }),
  "failures of a source without a key": (roll) => ({
    api: {
      style: "offset",
      records: few(roll),
      faults: { next: [null, { breaks: { at: roll(0, 8_000), how: "reset" } }, null, { status: 503 }] },
    },
    source: { key: undefined },
    outcome: equal,
  }),
  "failures again and again": (roll) => ({
    api: { records: few(roll), faults: { every: { n: roll(2, 4), trouble: { status: 502 } } } },
    outcome: equal,
  }),
  ...named(
    [500, 503, 408],
    (status) => `${status} for ever`,
    (status) => always({ status }, shows("SY104")),
  ),
  ...named(
    [400, 404, 501, 505],
    (status) => `${status} for ever`,
    (status) => always({ status }, shows("SY004")),
  ),
  "404 in the middle of a run": (roll) => ({ ...once({ status: 404 })(roll), outcome: shows("SY004") }),
  "413 for ever": always({ status: 413 }, shows("SY106")),
  "403 for ever": always({ status: 403 }, shows("SY105")),
  "401 once": once({ status: 401 }),
  "202 once": once({ status: 202 }),
  "202 for ever": always({ status: 202 }, shows("SY303")),
  "206 for every page": always({ status: 206 }, equal),
  ...named(
    ["empty", "null", "error", "not json", "null records and error"] as const,
    (body) => `${body} for a page once`,
    (body) => once({ body }),
  ),
  ...named(
    ["empty", "null", "error", "not json", "null records and error"] as const,
    (body) => `${body} for every page`,
    (body) => always({ body }, shows("SY303")),
  ),
  ...named(
    ["null records", "no records"] as const,
    (body) => `${body}, and more behind them`,
    (body) => (roll) =>
      served({
        ...once({ body })(roll),
        api: { records: few(roll), faults: { next: [null, { body }] } },
      }),
  ),
  "a body that stalls": broken("stall"),
  "a body that is reset": broken("reset"),
  "a body that is cut": broken("cut"),
  "a body that is cut with the right length": broken("short"),
  "a body that pauses": once((roll) => ({ breaks: { at: roll(0, 8_000), how: { pauseMs: 300 } } })),
  "a body without an end": always({ breaks: { at: 500, how: "endless" } }, shows("SY106")),
  "a bomb": always({ encodings: ["gzip"], blanksMb: 8 }, shows("SY106")),
  "pages in gzip": always({ encodings: ["gzip"] }, equal),
  "pages in br": always({ encodings: ["br"] }, equal),
  "pages packed five times": always({ encodings: ["gzip", "br", "gzip", "br", "gzip"] }, equal),
  "pages packed six times": always({ encodings: ["gzip", "br", "gzip", "br", "gzip", "br"] }, shows("SY303")),
  "pages in deflate": always({ encodings: ["deflate"] }, shows("SY303")),
  "pages that say they are packed": always({ toldEncoding: "gzip" }, shows("SY303")),
  "pages with a byte order mark": always({ bom: true }, equal),
  "a giant header": always({ giantHeader: 20_000 }, shows("SY106")),
  "an answer that is late once": once({ lateMs: SLOW_MS }, IMPATIENT),
  "answers that are always too late": always({ lateMs: SLOW_MS }, shows("SY104"), IMPATIENT),
  "answers that are late, and waited for": always({ lateMs: 600 }, equal, { timeout: 20 }),
  ...named(
    [300, 1_000],
    (ms) => `a latency of ${ms} ms`,
    (latencyMs) => (roll) => ({
      api: { records: few(roll), faults: { latencyMs } },
      outcome: equal,
    }),
  ),
  "a redirect": once({ redirect: { to: "/api/v1/events?limit=100" } }),
  "a redirect without a Location": always({ redirect: { to: null } }, shows("SY303")),
  "redirects without end": always({ redirect: { to: "/api/v1/events" } }, shows("SY303")),
  "a redirect to a host that is not listed": always(
    { redirect: { to: "http://127.0.0.2:9/" } },
    shows("SY305"),
  ),
  "a redirect of a POST": (roll) => ({
    ...always({ redirect: { to: "/events/_search" }, status: 307 }, shows("SY303"))(roll),
    api: {
      style: "elastic",
      records: few(roll),
      faults: { each: { redirect: { to: "/events/_search" }, status: 307 } },
    },
  }),
} satisfies Cases);
