import type { LimitRefusal } from "../limits/limit-faults.ts";
import type { BodyTrouble } from "./body.ts";
import type { WireTrouble } from "./wire.ts";

/** What befalls one answer. Members of all kinds go together. */
export interface Trouble extends BodyTrouble, WireTrouble {
  /** A status of 300 and more comes with an error instead of a page, a smaller one with the page. */
  readonly status?: number;
  /** Further headers, which replace those of the answer. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The request is refused as if it were above the limit. */
  readonly limited?: Partial<LimitRefusal>;
  /** The request is sent elsewhere: to this path or URL, or without a word where; the status is 302 unless given. */
  readonly redirect?: { readonly to: string | null };
}
