import { BadRequest } from "../bad-request.ts";
import type { Item } from "../records/item.ts";
import type { PageFaults } from "./page-faults.ts";

/** What is answered to a page or an offset beyond the end. */
export function beyondEnd(
  list: readonly Item[],
  lastBegins: number,
  size: number,
  how: PageFaults["beyondEnd"],
): readonly Item[] {
  switch (how) {
    case "empty":
      return [];
    case "last page":
      return list.slice(lastBegins, lastBegins + size);
    case 404:
    case 500:
      throw new BadRequest("page", "there is no such page", how);
  }
}
