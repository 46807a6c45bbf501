import type { LimitFaults } from "./limit-faults.ts";
import type { Count } from "./windows.ts";

type Headers = Record<string, string>;

/** A reset in each of its forms, as the clock of the server and the rounding have it. */
interface Told extends Count {
  readonly used: number;
  readonly deltaS: string;
  readonly epochS: string;
  readonly atMs: number;
}

/** Each tells one window, that which has the least left, but draft 8, which tells them all. */
const DIALECTS = {
  none: () => ({}),
  "x-ratelimit": ([told]) => prefixed("X-RateLimit", told, told.epochS),
  "x-ratelimit-delta": ([told]) => prefixed("X-RateLimit", told, told.deltaS),
  "x-ratelimit-ms": ([told]) => prefixed("X-RateLimit", told, String(told.atMs)),
  "x-ratelimit-iso": ([told]) => prefixed("X-RateLimit", told, new Date(told.atMs).toISOString()),
  "x-ratelimit-date": ([told]) => prefixed("X-RateLimit", told, new Date(told.atMs).toUTCString()),
  "x-rate-limit": ([told]) => prefixed("X-Rate-Limit", told, told.epochS),
  "draft-6": ([told]) => prefixed("RateLimit", told, told.deltaS),
  "draft-7": ([told]) => ({
    RateLimit: `limit=${told.requests}, remaining=${told.remaining}, reset=${told.deltaS}`,
    "RateLimit-Policy": `${told.requests};w=${told.perS}`,
  }),
  "draft-8": (all) => ({
    RateLimit: all
      .map(({ perS, remaining, deltaS }) => `"per${perS}s";r=${remaining};t=${deltaS}`)
      .join(", "),
    "RateLimit-Policy": all.map(({ perS, requests }) => `"per${perS}s";q=${requests};w=${perS}`).join(", "),
  }),
  github: ([told]) => ({
    ...prefixed("X-RateLimit", told, told.epochS),
    "X-RateLimit-Used": String(told.used),
    "X-RateLimit-Resource": "core",
  }),
  gitlab: ([told]) => ({
    ...prefixed("RateLimit", told, told.epochS),
    "RateLimit-Name": "throttle_authenticated_api",
    "RateLimit-Observed": String(told.used),
    "RateLimit-ResetTime": new Date(told.atMs).toUTCString(),
  }),
  reddit: ([told]) => ({
    "X-Ratelimit-Used": String(told.used),
    "X-Ratelimit-Remaining": told.remaining.toFixed(1),
    "X-Ratelimit-Reset": told.deltaS,
  }),
} satisfies Record<string, (all: readonly [Told, ...Told[]]) => Headers>;

export type Dialect = keyof typeof DIALECTS;

/** The headers that tell these windows. */
export function rateHeaders(
  dialect: Dialect,
  counts: readonly Count[],
  now: number,
  { resets, skewS }: Pick<LimitFaults, "resets" | "skewS">,
): Headers {
  const sorted = counts
    .toSorted((a, b) => a.remaining - b.remaining)
    .map((count) => toldOf(count, now, resets, skewS));
  const [first, ...others] = sorted;
  return first === undefined ? {} : DIALECTS[dialect]([first, ...others]);
}

function toldOf(count: Count, now: number, resets: LimitFaults["resets"], skewS: number): Told {
  const atS = count.resetsAt / 1000 + skewS;
  return {
    ...count,
    used: count.requests - count.remaining,
    deltaS: rounded((count.resetsAt - now) / 1000, resets),
    epochS: rounded(atS, resets),
    atMs: Math.round(Number(rounded(atS, resets)) * 1000),
  };
}

function rounded(seconds: number, resets: LimitFaults["resets"]): string {
  switch (resets) {
    case "exact":
      return seconds.toFixed(3);
    case "up":
      return String(Math.ceil(seconds));
    case "cut":
      return String(Math.floor(seconds));
  }
}

function prefixed(prefix: string, { requests, remaining }: Told, reset: string): Headers {
  return {
    [`${prefix}-Limit`]: String(requests),
    [`${prefix}-Remaining`]: String(remaining),
    [`${prefix}-Reset`]: reset,
  };
}
