import { type Place, valueError } from "./place.ts";

export const UNSTORABLE_NUL = "PostgreSQL cannot store the character U+0000 in text";

/** A string as JSON text; `jsonb` holds no U+0000, not even escaped. */
export function jsonString(text: string, place: Place, index: number): string {
  const nul = text.indexOf("\0");
  if (nul !== -1) {
    throw valueError(place, index, UNSTORABLE_NUL, `${text.length} characters, U+0000 at ${nul}`);
  }
  return JSON.stringify(text);
}
