import type { SentBounds } from "./page-request.ts";
import type { Range, RangeFormat } from "./source.ts";
import type { Token } from "./token.ts";

/** The smallest step that a format can tell: microseconds, or an integer. */
const GRANULES: Readonly<Record<RangeFormat, bigint>> = {
  date: 86_400_000_000n,
  iso: 1_000_000n,
  iso_ms: 1_000n,
  s: 1_000_000n,
  ms: 1_000n,
  integer: 1n,
};

/** What a part asks for, in microseconds or integers; null: unbounded. `begun`: when its run began, microseconds. */
export interface PartRange {
  readonly since: bigint | null;
  readonly until: bigint | null;
  readonly begun: bigint;
}

/** `wait`: nothing can be asked for before the database's clock shows this, in microseconds. */
export type Bounds =
  | { readonly kind: "ask"; readonly bounds: SentBounds }
  | { readonly kind: "wait"; readonly until: bigint };

/**
 * The bounds to send. A lower one is floored, an upper one ceiled to what the format can tell, so that bounds only widen; a
 * run without an upper one of its own ends at its beginning, less `lag`. `now`: by the database's clock, microseconds.
 */
export function boundsFor(range: Range | null, part: PartRange, now: bigint): Bounds {
  const { since } = part;
  if (range === null) {
    return { kind: "ask", bounds: { since: null, until: null } };
  }
  const until = part.until ?? horizon(range, part, now);
  if (since !== null && until !== null && until <= since) {
    return { kind: "wait", until: since + range.lag + 1n };
  }
  const granule = GRANULES[range.format];
  const below = range.bounds.startsWith("(") ? granule : 0n;
  return {
    kind: "ask",
    bounds: {
      since: since === null ? null : written(floored(since, granule) - below, range.format),
      until: until === null ? null : written(-floored(-until, granule), range.format),
    },
  };
}

/** Where a run ends that has no end of its own. One that began before there was anything to ask for ends now. */
function horizon({ until, format, lag }: Range, { since, begun }: PartRange, now: bigint): bigint | null {
  if (until === null || format === "integer") return null;
  return since !== null && begun - lag <= since ? now - lag : begun - lag;
}

function floored(value: bigint, granule: bigint): bigint {
  const rest = value % granule;
  return value - (rest < 0n ? rest + granule : rest);
}

function written(value: bigint, format: RangeFormat): Token {
  switch (format) {
    case "integer":
      return { json: String(value) };
    case "s":
    case "ms":
      return { json: String(value / GRANULES[format]) };
    case "date":
      return isoTime(value).replace(/T.*/, "");
    case "iso":
      return isoTime(value).replace(/\.\d+/, "");
    case "iso_ms":
      return isoTime(value);
    default:
      return format satisfies never;
  }
}

function isoTime(microseconds: bigint): string {
  return new Date(Number(microseconds / 1_000n)).toISOString();
}
