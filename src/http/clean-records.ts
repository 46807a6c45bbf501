import { badEscapeAt, ESCAPE_BYTES } from "./bad-escapes.ts";
import type { Records } from "./split-records.ts";

/** What becomes of U+0000 and of halves of characters, which JSON may hold and PostgreSQL may not. */
export type NulPolicy = "replace" | "strip" | "fail";

/** How many records were changed, and the first of them; null: none was. */
export interface Cleaned {
  readonly records: number;
  readonly first: number | null;
}

const REPLACEMENT = "\\ufffd";

/**
 * Rewrites, in place, the escapes in records that PostgreSQL cannot store. A record may become shorter: its end moves. Under
 * `fail` all stays as it is: PostgreSQL refuses those records, and `value_policy` decides. To be called when the page is
 * judged: what the next request is made from must be what the server sent.
 */
export function cleanRecords(body: Buffer, { count, starts, ends }: Records, policy: NulPolicy): Cleaned {
  let records = 0;
  let first: number | null = null;
  if (policy === "fail" || count === 0) return { records, first };
  const last = ends[count - 1]!;
  let bad = badEscapeAt(body, starts[0]!, last);
  for (let record = 0; record < count && bad !== -1; record++) {
    const end = ends[record]!;
    if (bad >= end) continue;
    ends[record] = policy === "replace" ? replaced(body, bad, end) : stripped(body, bad, end);
    records++;
    first ??= record;
    bad = badEscapeAt(body, end, last);
  }
  return { records, first };
}

function replaced(body: Buffer, bad: number, end: number): number {
  for (let at = bad; at !== -1; at = badEscapeAt(body, at + ESCAPE_BYTES, end)) {
    body.write(REPLACEMENT, at, "latin1"); // As long as what it replaces.
  }
  return end;
}

function stripped(body: Buffer, bad: number, end: number): number {
  let kept = bad;
  let from = bad;
  for (let at = bad; at !== -1; at = badEscapeAt(body, from, end)) {
    body.copyWithin(kept, from, at);
    kept += at - from;
    from = at + ESCAPE_BYTES;
  }
  body.copyWithin(kept, from, end);
  return kept + end - from;
}
