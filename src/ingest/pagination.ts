import { noArray, noField, noNext, unsaidEnd } from "./definition-errors.ts";
import { type AskedPage, isSame, longestOf, type Next, nextPosition, numberOf } from "./next-position.ts";
import { askedPosition } from "./page-request.ts";
import { type Position, textOf } from "./position.ts";
import type { RunMemory } from "./run-memory.ts";
import type { Source } from "./source.ts";
import { refuseCountedAgain, refuseStandstill } from "./standstill.ts";
import { failureIn, isLastPage, moreIn, namesNone, type PageAnswer } from "./told.ts";

/** What was asked for: a position, or null as a run begins, and its address. */
export interface Asked {
  readonly position: Position | null;
  readonly url: URL;
}

/** An answer and its body, not yet rewritten by `nul_policy`. */
export interface Answered extends PageAnswer {
  readonly body: Uint8Array;
}

/**
 * What follows a page. `end`: nothing does, as the API says; `next` is where the next run may go on, null if only the
 * definition tells.
 */
export type Judgement =
  | { readonly kind: "go_on"; readonly next: Position }
  | { readonly kind: "end"; readonly next: Position | null };

/**
 * Decides what follows a page. An end is only what the API says is one: no error, no missing array and no short page is
 * taken for it, an empty page only where the API has no other word. Throws SY303 where the answer is not what the definition
 * says, SY301 where the pages do not advance, SY307 where a record lacks what the next request is made from.
 */
export function judge(source: Source, memory: RunMemory, asked: Asked, answer: Answered): Judgement {
  const { pages } = source;
  const { page: parts, body } = answer;
  const records = parts?.records ?? null;
  const count = records?.count ?? 0;
  const failure = failureIn(source, answer, count);
  if (failure !== null || (parts !== null && records === null && parts.instead !== "null")) {
    throw noArray(source, failure, parts?.instead ?? null);
  }
  const sent = askedPosition(source, asked.position, asked.url);
  const page = { source, answer, body, records, count, url: asked.url, sent };

  const more = "more" in pages ? moreIn(answer, pages.more) : null;
  if (more === false) return endAt(page);
  const next = nextPosition(page);
  if (more === null && isLast(page, next)) {
    if (isUnsaid(page)) throw unsaidEnd(source);
    refuseCountedAgain(page, memory);
    return endAt(page);
  }
  if (next === null) throw noNext();
  if (next === "unreadable") throw noField(source, count);
  if (pages.type === "cursor" && pages.sameIsEnd && count === 0 && isSame(sent, next)) {
    return { kind: "end", next };
  }
  if (sent !== null) memory.asked(textOf(sent));
  memory.received(body, records);
  refuseStandstill(page, memory, next);
  return { kind: "go_on", next };
}

/** Whether this page is the last one, where the answer does not say whether more follows. */
function isLast(page: AskedPage, next: Next): boolean {
  const { source, answer, count, sent } = page;
  const { pages } = source;
  switch (pages.type) {
    case "none":
      return true;
    case "cursor":
    case "link":
      return next === null;
    case "page":
      return count === 0 || isLastPage(source, answer, numberOf(sent));
    case "offset":
      return count === 0;
    case "after":
      return count === 0 || (pages.inclusive && isTail(page, next));
    default:
      return pages satisfies never;
  }
}

/**
 * Whether nothing came but the records that have the value asked for: fewer than a page holds, so there are no others. One
 * alone is no page full of one value, unless pages of one record are asked for.
 */
function isTail({ source, count, sent }: AskedPage, next: Next): boolean {
  return isSame(sent, next) && (count < longestOf(sent) || (count === 1 && !mayAskForOne(source)));
}

function mayAskForOne({ url, query, body }: Source): boolean {
  const sent = [...new URL(url).searchParams.values(), ...query.values(), ...(body?.match(/\d+/g) ?? [])];
  return sent.includes("1");
}

/** Whether there were no records but `null`, which may as well be a failure, and nothing else says that it is the end. */
function isUnsaid({ source, answer, sent }: AskedPage): boolean {
  return (
    answer.page?.instead === "null" &&
    source.error === null &&
    !namesNone(answer, source.pages) &&
    !isLastPage(source, answer, numberOf(sent))
  );
}

function endAt(page: AskedPage): Judgement {
  const { source, count, sent } = page;
  const { type } = source.pages;
  // Behind the last page lies nothing yet, and an address is good for its own run.
  if (type === "page" || type === "link") return { kind: "end", next: null };
  const next = nextPosition(page);
  if (next !== "unreadable") return { kind: "end", next };
  if (source.appendOnly) throw noField(source, count); // The next run would go on from there.
  return { kind: "end", next: sent };
}
