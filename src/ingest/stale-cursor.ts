import { AmpsyncError } from "../errors.ts";
import { type HttpAnswer, saidIn } from "../http/answer.ts";
import type { Clean } from "../model/foreign-text.ts";
import { LARGER_PAGES, shown } from "./definition-errors.ts";
import type { Part } from "./part.ts";

/** What happened to a position that the server does not know any more. */
export function cursorExpired(part: Part, answer: HttpAnswer, clean: Clean): AmpsyncError {
  const text = shown(saidIn(answer).trim(), clean);
  const age = Math.round(part.positionAgeMs / 1_000);
  return new AmpsyncError("SY302", `the cursor expired before page ${part.pages + 1} of its run`, {
    detail: `It was ${age} s old. HTTP ${answer.status}: ${text || "no text"}`,
    hint: "Replaced automatically: select * from ampsync.events;",
  });
}

/** Without a key what is read twice is stored twice: nothing replaces the position. */
export function expiredForGood({ message, detail }: AmpsyncError): AmpsyncError {
  return new AmpsyncError("SY302", `${message}, and the source has no key`, {
    detail: `${detail}. Without a key nothing can be read again without storing it twice.`,
    hint: `Read it from the beginning, with larger pages or a larger rate: ${LARGER_PAGES}`,
  });
}
