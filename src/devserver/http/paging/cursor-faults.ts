import type { TokenForm } from "./token-forms.ts";

/** How the cursors of style `events` differ from good ones. */
export interface CursorFaults {
  /** The time that a cursor lives, in milliseconds, from when it was given or from the first page of its chain; null: for ever. */
  ttlMs: number | null;
  ttlFrom: "given" | "first page";
  /** How a dead one is told: 400 with code CURSOR_EXPIRED, 410, or 400 with nothing but a text. */
  expiredAs: "code" | "gone" | "text";
  form: TokenForm;
  /**
   * From this record on the cursor does not lead further: the answer names the cursor that was sent (`same`), or new ones
   * that are heard as if they were not there (`ignored`), or null although there is more (`null`).
   */
  stuck: { readonly how: "same" | "ignored" | "null"; readonly from: number } | null;
  /** The end is told by the cursor that was sent, on a page without records. */
  sameAtEnd: boolean;
  /** The last page names a cursor too, for later: what comes after it. */
  tokenAtEnd: boolean;
  /** Only a request with this token gets a next one; without it the first page looks like the last. */
  firstToken: string | null;
  /** The server keeps the place: one cursor for the whole run, and each request with it moves on, answered or not. */
  held: boolean;
}

export function noCursorFaults(): CursorFaults {
  return {
    ttlMs: null,
    ttlFrom: "given",
    expiredAs: "code",
    form: "plain",
    stuck: null,
    sameAtEnd: false,
    tokenAtEnd: false,
    firstToken: null,
    held: false,
  };
}
