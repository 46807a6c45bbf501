import type { Dialect } from "../../../../src/devserver/http/limits/dialects.ts";
import type { LimitFaults, LimitRefusal } from "../../../../src/devserver/http/limits/limit-faults.ts";
import type { Dice } from "../../dice.ts";
import { type Cases, casesOf, equal, few, type Made, nth, stops } from "./fault-case.ts";

/** Two pages each second. */
const TIGHT = [{ requests: 2, perS: 1 }];
const DECLARED = { rate_limit: { requests: 2, per: "1 second" } };
const HOUR = 3_600;

const refusedOnce =
  (refusal: Partial<LimitRefusal>, source = {}) =>
  (roll: Dice): Made => ({
    api: {
      records: few(roll),
      faults: { next: nth(roll(1, 3), { limited: { retryAfterS: 1, ...refusal } }) },
    },
    source,
    outcome: equal,
  });

const limited =
  (limits: Partial<LimitFaults>, source = {}) =>
  (roll: Dice): Made => ({
    api: { records: few(roll), rate: TIGHT, faults: { limits } },
    source,
    outcome: equal,
  });

/** Without end, as far as a test goes. */
const refusedForLong =
  (refusal: Partial<LimitRefusal>, code: string) =>
  (roll: Dice): Made => ({
    api: {
      records: few(roll),
      faults: {
        next: nth(roll(1, 3), { limited: { retryAfter: "seconds", retryAfterS: HOUR, ...refusal } }),
      },
    },
    outcome: stops(code),
  });

const FORMS: readonly LimitRefusal["retryAfter"][] = ["seconds", "fraction", "date", "list", "word", "none"];
const DIALECTS: readonly Dialect[] = [
  ...(["none", "x-ratelimit", "x-ratelimit-delta", "x-ratelimit-ms", "x-ratelimit-iso"] as const),
  ...(["x-ratelimit-date", "x-rate-limit", "draft-6", "draft-7", "draft-8"] as const),
  ...(["github", "gitlab", "reddit"] as const),
];

const told = (text: LimitRefusal["text"], status: number, match: string) =>
  refusedOnce({ status, text, retryAfter: "seconds" }, { rate_limit: { status: [status], match: [match] } });

export const LIMIT_CASES = casesOf({
  ...Object.fromEntries(
    FORMS.map((form) => [`429 with Retry-After as ${form}`, refusedOnce({ status: 429, retryAfter: form })]),
  ),
  ...Object.fromEntries(DIALECTS.map((dialect) => [`a limit told by ${dialect}`, limited({ dialect })])),
  "429 for an hour": refusedForLong({ status: 429 }, "SY304"),
  "503 with Retry-After": refusedOnce({ status: 503, retryAfter: "seconds" }),
  "503 for an hour": refusedForLong({ status: 503 }, "SY104"),
  "403 with a text of GitHub": refusedOnce({ status: 403, retryAfter: "seconds", text: "github" }),
  "403 with a text of Google": told("google", 403, "RateLimitExceeded"),
  "403 with a text of Salesforce": told("salesforce", 403, "REQUEST_LIMIT_EXCEEDED"),
  "400 with a text of Facebook": told("facebook", 400, "request limit reached"),
  "a secondary limit with budget left": limited({
    secondary: { requests: 2, perS: 1, retryAfterS: 1 },
    dialect: "github",
  }),
  "others who use the quota": limited({ othersPerS: 1 }, DECLARED),
  "rate headers that are lost now and then": limited({ lostEvery: 2 }),
  "resets that are cut to whole seconds": limited({ resets: "cut" }),
  "exact resets": limited({ resets: "exact" }),
  "windows by the clock": limited({ windows: "clock" }, DECLARED),
  "a window that slides": limited({ windows: "sliding" }, DECLARED),
  "a clock that is wrong": (roll) => ({
    ...limited({ skewS: roll(-7_200, 7_200), refusal: { retryAfter: "date" } })(roll),
  }),
} satisfies Cases);
