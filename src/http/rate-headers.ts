import { type Item, parseDictionary, parseList } from "structured-headers";

import { type HttpHeaders, headerOf } from "./answer.ts";
import { httpDate, LONGEST_WAIT_S, secondsUntil, toldNumber, waited } from "./told-time.ts";

/** What an answer tells of one window, in seconds; null: nothing. */
export interface ToldWindow {
  readonly window: number | null;
  readonly limit: number | null;
  readonly remaining: number;
  /** Until the window is over. What was told in whole seconds may have been cut. */
  readonly reset: number;
}

/** What the headers of an answer tell about a rate limit. */
export interface RateHeaders {
  readonly told: readonly ToldWindow[];
  readonly retryAfterS: number | null;
  /** Whether a wait was told that no limit has: it was taken as 24 h. */
  readonly isAbsurd: boolean;
}

/** What a policy says of a window, by the name or the limit by which answers refer to it. */
interface Policy {
  readonly name: string;
  readonly limit: number | null;
  readonly window: number | null;
}

const FAMILIES = ["ratelimit-", "x-ratelimit-", "x-rate-limit-"];
/** What separates the items of a list, and not a day from its date. */
const SEPARATOR = /(?<!\b(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*),/i;

/**
 * Reads every form in which servers tell their limits: the first one that tells what remains, and until when, counts. Times
 * are taken relative to the answer's own Date, so that a clock that is wrong on either side does no harm; without one to
 * `nowMs`, the worker's clock.
 */
export function readRateHeaders(headers: HttpHeaders, nowMs: number): RateHeaders {
  const clock = httpDate(headerOf(headers, "date") ?? "") ?? nowMs;
  const policies = policiesOf(headerOf(headers, "ratelimit-policy"));
  const found = [
    () => namedWindows(headerOf(headers, "ratelimit"), policies),
    () => draft7(headerOf(headers, "ratelimit"), policies),
    ...FAMILIES.map((prefix) => () => family(headers, prefix, policies, clock)),
  ];
  const told = found.reduce<readonly ToldWindow[]>((first, read) => (first.length > 0 ? first : read()), []);
  const retryAfterS = retryAfter(headerOf(headers, "retry-after"), clock);
  const waits = [...told.map(({ reset }) => reset), retryAfterS ?? 0];
  return {
    told: told.map((each) => ({ ...each, reset: Math.min(each.reset, LONGEST_WAIT_S) })),
    retryAfterS: retryAfterS === null ? null : Math.min(retryAfterS, LONGEST_WAIT_S),
    isAbsurd: waits.some((wait) => wait > LONGEST_WAIT_S),
  };
}

/** `"burst";r=50;t=30, "day";r=900;t=4000` of drafts 8 and later. */
function namedWindows(header: string | null, policies: readonly Policy[]): readonly ToldWindow[] {
  return listOf(header).flatMap(([name, parameters]) => {
    const [remaining, reset] = ["r", "t"].map((key) => parameters.get(key));
    if (typeof remaining !== "number" || typeof reset !== "number") return [];
    const policy = policies.find((each) => each.name === String(name));
    return [windowOf(policy?.window ?? null, policy?.limit ?? null, remaining, waited(reset))];
  });
}

/** `limit=100, remaining=50, reset=30` of draft 7. */
function draft7(header: string | null, policies: readonly Policy[]): readonly ToldWindow[] {
  const fields = dictionaryOf(header);
  const [limit, remaining, reset] = ["limit", "remaining", "reset"].map((key) => fields.get(key)?.[0]);
  if (typeof remaining !== "number" || typeof reset !== "number") return [];
  const known = typeof limit === "number" ? limit : null;
  return [windowOf(windowWith(known, policies), known, remaining, waited(reset))];
}

/** Three headers, as in the drafts up to 6 and before them. */
function family(
  headers: HttpHeaders,
  prefix: string,
  policies: readonly Policy[],
  clock: number,
): readonly ToldWindow[] {
  const of = (name: string) => headerOf(headers, `${prefix}${name}`)?.trim() ?? "";
  const remaining = firstNumber(of("remaining"));
  const reset = secondsUntil(of("reset"), clock) ?? secondsUntil(firstItem(of("reset")), clock);
  if (remaining === null || reset === null) return [];
  const limit = firstNumber(of("limit"));
  return [windowOf(windowWith(limit, policies), limit, remaining, reset)];
}

function windowOf(window: number | null, limit: number | null, remaining: number, reset: number): ToldWindow {
  const whole = (number: number) => Math.max(0, Math.floor(number));
  return { window, limit: limit === null ? null : whole(limit), remaining: whole(remaining), reset };
}

/** The largest of a list; null where nothing in it can be read. */
function retryAfter(header: string | null, clock: number): number | null {
  const waits = (header ?? "").split(SEPARATOR).flatMap((item) => {
    const text = item.trim();
    const number = toldNumber(text);
    const date = httpDate(text);
    return number !== null ? [waited(number)] : date === null ? [] : [waited((date - clock) / 1_000)];
  });
  return waits.length === 0 ? null : Math.max(...waits);
}

/** `"name";q=100;w=60`, or `100;w=60` in draft 7. */
function policiesOf(header: string | null): readonly Policy[] {
  return listOf(header).map(([name, parameters]) => {
    const [q, w] = ["q", "w"].map((key) => parameters.get(key));
    const limit = typeof q === "number" ? q : typeof name === "number" ? name : null;
    return { name: String(name), limit, window: typeof w === "number" && w >= 1 ? Math.floor(w) : null };
  });
}

function windowWith(limit: number | null, policies: readonly Policy[]): number | null {
  return (limit !== null && policies.find((policy) => policy.limit === limit)?.window) || null;
}

/** The items of a structured list (RFC 9651); none where the header is of another form. */
function listOf(header: string | null): readonly Item[] {
  try {
    return parseList(header ?? "").filter((item): item is Item => !Array.isArray(item[0]));
  } catch {
    return [];
  }
}

function dictionaryOf(header: string | null): ReturnType<typeof parseDictionary> {
  try {
    return parseDictionary(header ?? "");
  } catch {
    return new Map();
  }
}

/** `100, 100;w=60`: the first number counts. */
function firstNumber(header: string): number | null {
  return toldNumber(firstItem(header));
}

function firstItem(header: string): string {
  return header.replace(/[,;].*/, "").trim();
}
