import { BadValue, type Place } from "./place.ts";

/** What becomes of U+0000, which Arrow text may hold and PostgreSQL text may not. */
export type NulRule = "replace" | "strip" | "fail";

/** The texts of one column in which U+0000 was replaced or stripped. */
export interface NulCount {
  readonly column: string;
  readonly texts: number;
  /** The row of the first such text in its batch. */
  readonly firstRow: number;
}

const INSTEAD: Readonly<Record<Exclude<NulRule, "fail">, string>> = { replace: "\ufffd", strip: "" };

// Fatal, because replacing a byte would change the value; a leading BOM belongs to the value.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** Makes text storable by one rule, and counts by column how often that was necessary. */
export class NulPolicy {
  readonly #rule: NulRule;
  readonly #counts = new Map<string, NulCount>();

  constructor(rule: NulRule) {
    this.#rule = rule;
  }

  reset(): void {
    this.#counts.clear();
  }

  /** The counts since the last call. */
  takeCounts(): readonly NulCount[] {
    const counts = [...this.#counts.values()];
    this.#counts.clear();
    return counts;
  }

  /** The text of UTF-8 bytes, without U+0000. */
  text(bytes: Uint8Array, place: Place, index: number): string {
    let text: string;
    try {
      text = decoder.decode(bytes);
    } catch {
      throw new BadValue(place, index, "the text is not valid UTF-8", `${bytes.length} bytes`);
    }
    const nul = text.indexOf("\0");
    if (nul === -1) {
      return text;
    }
    if (this.#rule === "fail") {
      const value = `${text.length} characters, U+0000 at ${nul}`;
      throw new BadValue(place, index, "PostgreSQL cannot store the character U+0000 in text", value);
    }
    this.#count(place.column, place.row(index));
    return text.replaceAll("\0", INSTEAD[this.#rule]);
  }

  /** The same text as UTF-8; the given bytes themselves if nothing had to change. */
  bytes(bytes: Uint8Array, place: Place, index: number): Uint8Array {
    const text = this.text(bytes, place, index);
    return bytes.includes(0) ? encoder.encode(text) : bytes;
  }

  #count(column: string, row: number): void {
    const { texts, firstRow } = this.#counts.get(column) ?? { texts: 0, firstRow: row };
    this.#counts.set(column, { column, texts: texts + 1, firstRow });
  }
}
