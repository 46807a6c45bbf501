/** The most characters of one text that are stored or logged. */
const MAX_LENGTH = 4_000;

/**
 * Makes text from others fit to be stored and logged: PostgreSQL accepts neither
 * U+0000 nor half a surrogate pair, and nobody reads 10 MB. Text is cut between
 * characters, with an ellipsis at the cut.
 */
export function cleanText(text: string, maxLength: number = MAX_LENGTH): string {
  // A character has at most two code units, so this keeps at least one character too many if the text must be cut.
  const start = text.slice(0, 2 * maxLength + 1);
  const clean = start.toWellFormed().replaceAll("\0", "\u{fffd}");
  if (text.length <= maxLength) {
    return clean;
  }
  const characters = [...clean];
  return characters.length <= maxLength ? clean : `${characters.slice(0, maxLength).join("")}…`;
}

/**
 * Makes text from others fit to be stored and logged, and removes secrets from it. It is given all of a text, and the result
 * is cut to what is shown: a text that is cut before may end with the beginning of a secret.
 */
export type Clean = (text: string) => string;

/** More than is ever searched for secrets: how much of a body is decoded to be cleaned. */
const CLEANED_BYTES = 4 * 1024 * 1024;

/** What a server says, to be cleaned. */
export function textOf(body: Uint8Array): string {
  return new TextDecoder().decode(body.subarray(0, CLEANED_BYTES));
}
