import type { Bounds } from "../records/lists.ts";

/** How the pages of the server differ from those that its documentation describes. */
export interface PageFaults {
  /** Newest records first, or in the order of arrival; null: as the style does it. */
  newestFirst: boolean | null;
  /** Pages hold so many records at most, whatever is asked for; null: as the style has it. */
  maxSize: number | null;
  /** So many empty pages come before the first page that begins at this record or later (events, jsonapi, github). */
  empty: { readonly from: number; readonly count: number } | null;
  /** What is answered to a page or offset beyond the end. */
  beyondEnd: "empty" | "last page" | 404 | 500;
  /** Each n-th record comes a second time, up to 100 places further on; null: none does (not in stripe and elastic). */
  duplicateEvery: number | null;
  /** Whether the bounds of a range are in it. */
  bounds: Bounds;
  /** What happens to the records after each of the next so many pages. */
  meanwhile: Meanwhile | null;
  /** Links lead to this origin; null: to the server. */
  linkOrigin: string | null;
  /** Links carry the secret. */
  linkEchoesSecret: boolean;
}

export interface Meanwhile {
  readonly pages: number;
  /** Records that come: at the front of a list that has the newest first. */
  readonly append?: number;
  /** Records that come and say they are an hour old. */
  readonly late?: number;
  /** Records that change. */
  readonly change?: number;
}

export function noPageFaults(): PageFaults {
  return {
    newestFirst: null,
    maxSize: null,
    empty: null,
    beyondEnd: "empty",
    duplicateEvery: null,
    bounds: "[)",
    meanwhile: null,
    linkOrigin: null,
    linkEchoesSecret: false,
  };
}
