import { notAdvancing, shown } from "./definition-errors.ts";
import { type AskedPage, isSame } from "./next-position.ts";
import { type Position, textOf } from "./position.ts";
import type { RunMemory } from "./run-memory.ts";

/** Pages in a row with the same records that are no accident any more. */
const MAX_SAME_PAGES = 3;
/** Filtered scans have many, with a new token each. */
const MAX_EMPTY_PAGES = 10_000;

const SERVER_HELD =
  "A server that keeps the place itself, like Elasticsearch's scroll or a queue, cannot be asked twice for a page and is not supported: use search_after.";

/** Throws SY301 where the next request would go in circles, or nothing has come for too long. */
export function refuseStandstill(
  { source, answer, count, sent }: AskedPage,
  memory: RunMemory,
  next: Position,
): void {
  const { pages } = source;
  const again = () => shown(textOf(next), answer.clean);
  if (isSame(sent, next)) {
    const detail = `After ${again()} the answer, with ${count} records, leads to the same again.`;
    if (pages.type === "after" && pages.inclusive) {
      throw notAdvancing(
        `${detail} That page is as long as any: it is full of one value.`,
        "Ask for larger pages, or name the key of the answer that says whether more follows as more.",
      );
    }
    if (pages.type === "cursor" && count === 0) {
      throw notAdvancing(detail, "This may be how the API says that all is read.", {
        pages: { same: "end" },
      });
    }
    throw notAdvancing(detail, count > 0 ? SERVER_HELD : "");
  }
  if (memory.wasAsked(textOf(next))) {
    const detail = `A page with ${count} records leads to ${again()}, which was asked for before.`;
    throw notAdvancing(detail, count > 0 ? SERVER_HELD : "");
  }
  if (memory.samePages >= MAX_SAME_PAGES) {
    throw notAdvancing(`${sameAgain(memory, count)}; the next request would be ${again()}.`, SERVER_HELD);
  }
  if (memory.emptyPages >= MAX_EMPTY_PAGES) {
    const name = source.dataset.replaceAll("'", "''");
    const detail = `${memory.emptyPages} pages in a row are empty; the next request would be ${again()}.`;
    const why = `If that is so, go on: select * from ampsync.resume_sync('${name}');`;
    throw notAdvancing(detail, why);
  }
}

/**
 * Throws SY301 where the last one of the pages that are counted is the one before again: a server that does not know the
 * parameter answers its first page as often as is asked for. With a key no two pages have the same records.
 */
export function refuseCountedAgain({ source, body, records, count }: AskedPage, memory: RunMemory): void {
  const { pages } = source;
  if (pages.type !== "page" || count === 0) return;
  memory.received(body, records);
  if (memory.samePages >= (source.hasKey ? 2 : MAX_SAME_PAGES)) {
    throw notAdvancing(`${sameAgain(memory, count)}, the last one included.`, "");
  }
}

function sameAgain({ samePages }: RunMemory, count: number): string {
  return `${samePages} pages in a row have the same ${count} records`;
}
