import type { Dialect } from "./dialects.ts";
import type { LimitText } from "./limit-texts.ts";

/** How the rate limit is counted and told. Members that are null are as the style has them. */
export interface LimitFaults {
  dialect: Dialect | null;
  /** Whether resets are told exactly, or in whole seconds: the next ones, or cut. */
  resets: "exact" | "up" | "cut";
  /** When a window begins: with the first request after the one before it, or by the clock; or it slides. */
  windows: "first request" | "clock" | "sliding";
  /** Requests that others send with the same key, in each second. */
  othersPerS: number;
  /** Each n-th answer tells no rate limit; null: all tell it. */
  lostEvery: number | null;
  /** A limit that no header tells: who breaks it is refused, and the window's budget stays as it is. */
  secondary: { readonly requests: number; readonly perS: number; readonly retryAfterS: number } | null;
  /** How requests above the limit are refused. */
  refusal: Partial<LimitRefusal>;
  /** The clock of the server, as its answers tell it, is wrong by so many seconds. */
  skewS: number;
}

export interface LimitRefusal {
  readonly status: number;
  /** How Retry-After is written: `list` names a shorter time too, `word` nothing that can be read. */
  readonly retryAfter: "seconds" | "fraction" | "date" | "list" | "word" | "none";
  /** Until when; the end of the window unless given. */
  readonly retryAfterS?: number;
  /** Whose body it has; null: that of the style. */
  readonly text: LimitText | null;
}

export function noLimitFaults(): LimitFaults {
  return {
    dialect: null,
    resets: "up",
    windows: "first request",
    othersPerS: 0,
    lostEvery: null,
    secondary: null,
    refusal: {},
    skewS: 0,
  };
}
