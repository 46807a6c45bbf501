import type { Records } from "../http/split-records.ts";
import { lastValue } from "./last-value.ts";
import { type Position, textOf } from "./position.ts";
import type { Source } from "./source.ts";
import { tokenOf } from "./token.ts";
import { nextToken, nextUrl, type PageAnswer, refuseUnstorable } from "./told.ts";

/** A page, and how it was asked for. */
export interface AskedPage {
  readonly source: Source;
  readonly answer: PageAnswer;
  /** The bytes in which the records lie, as they came. */
  readonly body: Uint8Array;
  readonly records: Records | null;
  readonly count: number;
  readonly url: URL;
  /** The position that was sent, also where a run begins without one; null: nothing was sent for it. */
  readonly sent: Position | null;
}

/** The next request; null: none is named; `unreadable`: the last record lacks what it would be made from. */
export type Next = Position | null | "unreadable";

export function nextPosition({ source, answer, body, records, count, url, sent }: AskedPage): Next {
  const { pages } = source;
  switch (pages.type) {
    case "none":
      return null;
    case "cursor": {
      const token = nextToken(answer, pages.next);
      return token === null ? null : { token };
    }
    case "link": {
      const next = nextUrl(source, answer, pages.next, url);
      return next === null ? null : { url: next };
    }
    case "page":
      return { page: numberOf(sent) + 1 };
    case "offset":
      return { offset: numberOf(sent) + count };
    case "after": {
      if (records === null || count === 0) return sent;
      const value = lastValue(body, records, pages.field);
      if (value === null) return "unreadable";
      refuseUnstorable(value, "value", answer.clean);
      const after = tokenOf(value);
      return pages.inclusive ? { after, longest: Math.max(longestOf(sent), count) } : { after };
    }
    default:
      return pages satisfies never;
  }
}

/** Whether the next request would be the one that was just sent. */
export function isSame(sent: Position | null, next: Next): boolean {
  return sent !== null && next !== null && next !== "unreadable" && textOf(sent) === textOf(next);
}

/** The records of the longest page before this one. */
export function longestOf(position: Position | null): number {
  return position !== null && "after" in position ? (position.longest ?? 0) : 0;
}

/** The number of a page, or an offset. */
export function numberOf(position: Position | null): number {
  if (position === null) return 0;
  return "page" in position ? position.page : "offset" in position ? position.offset : 0;
}
