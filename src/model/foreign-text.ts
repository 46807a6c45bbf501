/** Characters of one text that are stored or logged. */
const MAX_LENGTH = 4_000;

/**
 * Text of others, made fit to be stored and logged: PostgreSQL takes neither
 * U+0000 nor half a surrogate pair, and nobody reads 10 MB. Cut between
 * characters, with an ellipsis where something is missing.
 */
export function cleanText(text: string, maxLength: number = MAX_LENGTH): string {
  // A character has at most two code units, so this is one character too many wherever some must go.
  const start = text.slice(0, 2 * maxLength + 1);
  const clean = start.toWellFormed().replaceAll("\0", "\u{fffd}");
  if (text.length <= maxLength) {
    return clean;
  }
  const characters = [...clean];
  return characters.length <= maxLength ? clean : `${characters.slice(0, maxLength).join("")}…`;
}

/** Makes text of others fit to be stored and logged, and takes out what nobody may see. */
export type Clean = (text: string) => string;
