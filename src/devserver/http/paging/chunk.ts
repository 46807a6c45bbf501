import type { Faults } from "../faults.ts";
import type { Item } from "../records/item.ts";
import type { Place } from "./cursors.ts";

export interface Chunk {
  readonly items: readonly Item[];
  /** Where the next page begins; null: this is the last one. */
  readonly next: Place | null;
}

/** The page that begins at a place of a list. */
export function chunkOf(
  list: readonly Item[],
  place: Place,
  size: number,
  now: number,
  { pages: { empty }, cursors: { stuck } }: Readonly<Faults>,
): Chunk {
  const { at } = place;
  if (empty !== null && at >= empty.from && at < empty.from + size && place.empty < empty.count) {
    return { items: [], next: { ...place, empty: place.empty + 1, issuedAt: now } };
  }
  const isIgnored = stuck?.how === "ignored" && at >= stuck.from;
  const items = isIgnored ? list.slice(0, size) : list.slice(at, at + size);
  const next = { at: at + items.length, empty: 0, issuedAt: now, begunAt: place.begunAt };
  return { items, next: next.at < list.length || isIgnored ? next : null };
}
