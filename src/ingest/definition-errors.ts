import { AmpsyncError } from "../errors.ts";
import type { Clean } from "../model/foreign-text.ts";
import type { Source } from "./source.ts";

/** How much of a server's text is shown. */
const SHOWN = 200;

/** Keys of a definition; null: as it is, to be corrected by who reads the hint. */
export type Change = Readonly<Record<string, unknown>>;

/**
 * The place in a hint where the database puts the statement that changes a definition: only there it is known what is
 * stored, and so what can be called (`ampsync_private.fill_hint`).
 */
export function corrected(change: Change): string {
  return `<correct ${JSON.stringify(change)}>`;
}

/** The same for the statement that asks for fewer pages. */
export const LARGER_PAGES = "<larger pages>";

/** A hint as the log has it: where a statement is to be put in, the one that shows it. */
export function loggedHint(hint: string | null, dataset: string): string | null {
  const name = dataset.replaceAll("'", "''");
  const shows = `select hint from ampsync.streams where dataset = '${name}';`;
  return hint?.replace(/<correct \{.*\}>|<larger pages>/, () => shows) ?? null;
}

/** SY303: an answer is not what the definition says; `change`: what is to be corrected. */
export function unlikeDefinition(message: string, detail: string, change: Change): AmpsyncError {
  return new AmpsyncError("SY303", message, {
    detail,
    hint: `Retried automatically. If it stays so, correct the definition: ${corrected(change)}`,
  });
}

/** SY301: the pages do not advance. */
export function notAdvancing(detail: string, why: string, change: Change = { pages: null }): AmpsyncError {
  const correct = `Correct pages: ${corrected(change)}`;
  const hint = why === "" ? correct : `${why} ${correct}`;
  return new AmpsyncError("SY301", "The pages of the API do not advance", { detail, hint });
}

/** SY301: more is said to follow, but not where. */
export function noNext(): AmpsyncError {
  return notAdvancing("The answer says that more follows, and names no next page.", "");
}

/** What an API fills when it failed with a 200, and where. */
export interface ToldFailure {
  readonly pointer: string;
  readonly text: string;
}

/** SY303: a failure with a 200, or nothing where the records should be. */
export function noArray(source: Source, failure: ToldFailure | null, instead: string | null): AmpsyncError {
  if (failure !== null) {
    return unlikeDefinition(
      "The API failed, with a status that says it did not",
      `The answer has ${failure.pointer}: ${failure.text}`,
      { error: failure.pointer },
    );
  }
  const place = source.records === "" ? "The answer itself" : `${source.records} of the answer`;
  const detail = `${place} is ${instead === "nothing" ? "not there" : "no array"}.`;
  return unlikeDefinition("The answer has no array of records", detail, { records: null });
}

/** SY303: `null` for records, and nothing that says why. */
export function unsaidEnd(source: Source): AmpsyncError {
  return unlikeDefinition(
    "The answer has null in the place of its records, which may be a failure as well as the end",
    `${source.records} is null, and nothing in the answer says that no more follows.`,
    { error: "/error" },
  );
}

/** SY307: the last record has nothing to go on from. */
export function noField(source: Source, records: number): AmpsyncError {
  const { pages } = source;
  const field = pages.type === "after" ? pages.field : "";
  return new AmpsyncError("SY307", "The last record of a page has nothing to go on from", {
    detail: `${field} of record ${records - 1} is null, missing or unreadable.`,
    hint: `Choose a field that every record has: ${corrected({ pages: null })}`,
  });
}

/** A server's text, short enough to be shown. Cut before it is cleaned it may end with the beginning of a secret. */
export function shown(text: string, clean: Clean): string {
  const cleaned = clean(text);
  return cleaned.length > SHOWN ? `${cleaned.slice(0, SHOWN)}…` : cleaned;
}
