import type { Item } from "../records/item.ts";
import { beyondEnd } from "./beyond-end.ts";
import type { PageFaults } from "./page-faults.ts";

export interface NumberedPage {
  readonly items: readonly Item[];
  /** The number of the last page. */
  readonly last: number;
  readonly hasNext: boolean;
}

/** A page by its number, from 1. */
export function numberedPage(
  list: readonly Item[],
  number: number,
  size: number,
  { empty, beyondEnd: how }: Readonly<PageFaults>,
): NumberedPage {
  const emptyFrom = empty === null ? Number.POSITIVE_INFINITY : Math.ceil(empty.from / size) + 1;
  const count = empty?.count ?? 0;
  const full = Math.max(1, Math.ceil(list.length / size));
  const last = emptyFrom <= full ? full + count : full;
  // A server that answers its last page again and again also leads on to it.
  const hasNext = number < last || how === "last page";
  if (number >= emptyFrom && number < emptyFrom + count && number <= last)
    return { items: [], last, hasNext };
  const begins = (number >= emptyFrom ? number - count - 1 : number - 1) * size;
  const items =
    number > last ? beyondEnd(list, (full - 1) * size, size, how) : list.slice(begins, begins + size);
  return { items, last, hasNext };
}
