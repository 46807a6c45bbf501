import { literal } from "../commit/statements.ts";
import type { Lease } from "../db/lease-calls.ts";
import type { Page } from "./page.ts";

/** What people are told of records in which U+0000 or a lone surrogate was rewritten: no column is known there. */
const WHOLE_RECORD = "(record)";

/** What the writing transaction of an HTTP source begins with. */
export function beginPages({ streamId, epoch }: Lease): string {
  return `call ampsync_worker.begin_apply(${streamId}, ${epoch})`;
}

/** What it ends with. `pages`: oldest first, at least one. */
export function commitPages({ streamId, epoch }: Lease, pages: readonly Page[]): string {
  const parts = literal(`[${partsOf(pages).join(",")}]`);
  const records = pages.reduce((sum, page) => sum + page.records.count, 0);
  return `call ampsync_worker.commit_pages(${streamId}, ${epoch}, ${parts}::jsonb, ${records}, ${valuesOf(pages)})`;
}

/** What becomes of each part: from what its first page expects to where its last one leads. */
function partsOf(pages: readonly Page[]): readonly string[] {
  const parts = new Map<string, { readonly page: Page; readonly first: number }[]>();
  let first = 0;
  for (const page of pages) {
    const others = parts.get(page.part) ?? [];
    parts.set(page.part, others);
    others.push({ page, first });
    first += page.records.count;
  }
  return [...parts.values()].map((ofPart) => {
    const [{ page: oldest }] = ofPart as [(typeof ofPart)[number]];
    const { page: newest } = ofPart.at(-1)!;
    const withRecords = ofPart.findLast(({ page }) => page.records.count > 0);
    return JSON.stringify({
      part: oldest.part,
      expected: oldest.expected,
      position: newest.position,
      ...(withRecords !== undefined && { last: withRecords.page.asked }),
      done: newest.done,
      ...(newest.total !== null && { total: newest.total }),
      pages: ofPart.map(({ page, first }) => ({
        page: page.page,
        first,
        records: page.records.count,
        ...(page.asked !== page.expected && { again: true }), // Not what followed: the page before it.
      })),
    });
  });
}

/** The argument p_values: what the policy for U+0000 did. */
function valuesOf(pages: readonly Page[]): string {
  const rewritten = pages.filter(({ nuls }) => nuls.records > 0);
  const [first] = rewritten;
  if (first === undefined) {
    return "null";
  }
  const count = rewritten.reduce((sum, { nuls }) => sum + nuls.records, 0);
  const { page: block, nuls: firstNuls } = first;
  const reason = "U+0000 or half of a surrogate pair";
  const nuls = [{ column: WHOLE_RECORD, count, block, row: firstNuls.first, reason }];
  return `${literal(JSON.stringify({ rejected: [], nulled: [], nuls }))}::jsonb`;
}
