import { AmpsyncError } from "../errors.ts";
import { type Clean, cleanText, textOf } from "../model/foreign-text.ts";

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
export const BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const BRACE = 0x7b;
/** From an opening bracket or brace to the one that closes it, in ASCII. */
const TO_CLOSER = 2;

/** Bytes that end a number or a word. */
const ENDS_WORD: ReadonlySet<number> = new Set(Buffer.from(' \t\n\r,:"[]{}'));
/** How much of a malformed place is shown. */
const SHOWN = 40;

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Finds where values begin and end in the bytes of a JSON text, by brackets and strings alone: no value is parsed, so none
 * is changed, and depth costs one byte a level. What stands between brackets, commas and quotes is not looked at.
 */
export class JsonScan {
  readonly json: Uint8Array;
  /** What closes each bracket that is open. */
  #closers = new Uint8Array(256);
  readonly #clean: Clean;

  /** `clean`: of what is shown of it where it is malformed. */
  constructor(json: Uint8Array, clean: Clean = cleanText) {
    this.json = json;
    this.#clean = clean;
  }

  text(start: number, end: number): string {
    return decoder.decode(this.json.subarray(start, end));
  }

  isContainer(at: number): boolean {
    return this.json[at] === BRACE || this.json[at] === BRACKET;
  }

  /** The first position from `at` on that is not white space. */
  skipWhite(at: number): number {
    const { json } = this;
    let next = at;
    while (next < json.length && json[next]! <= 0x20 && isWhite(json[next]!)) next++;
    return next;
  }

  /** The position behind the value that starts at `start`. */
  endOf(start: number): number {
    const { json } = this;
    const first = json[start];
    if (first === BRACE || first === BRACKET) {
      return this.#endOfContainer(start);
    }
    return first === QUOTE ? this.#endOfString(start) : this.#endOfWord(start);
  }

  /**
   * Goes over the members of the object, or the items of the array, at `start`; returns the position behind it. `visit`
   * does it for the value of each whose name or index is `part`: it returns the position behind that value.
   */
  over(start: number, part: string, visit: (value: number) => number): number {
    const { json } = this;
    const isObject = json[start] === BRACE;
    const closer = json[start]! + TO_CLOSER;
    const wanted = !isObject && /^(0|[1-9]\d*)$/.test(part) ? Number(part) : -1;
    let at = this.skipWhite(start + 1);
    if (json[at] === closer) return at + 1;
    for (let index = 0; ; index++) {
      let isWanted = index === wanted;
      if (isObject) {
        if (json[at] !== QUOTE) throw this.malformed(at, "a name in quotes");
        const end = this.#endOfString(at);
        isWanted = this.#nameAt(at, end) === part;
        at = this.skipWhite(end);
        if (json[at] !== COLON) throw this.malformed(at, "a colon");
        at = this.skipWhite(at + 1);
      }
      at = this.skipWhite(isWanted ? visit(at) : this.endOf(at));
      if (json[at] === closer) return at + 1;
      if (json[at] !== COMMA) throw this.malformed(at, "a comma or the end of the list");
      at = this.skipWhite(at + 1);
    }
  }

  /** Calls `visit` with the ends of each item of the array at `start`; returns the position behind it. */
  items(start: number, visit: (start: number, end: number) => void): number {
    const { json } = this;
    let at = this.skipWhite(start + 1);
    if (json[at] === BRACKET + TO_CLOSER) return at + 1;
    for (;;) {
      const end = this.endOf(at);
      visit(at, end);
      at = this.skipWhite(end);
      if (json[at] === BRACKET + TO_CLOSER) return at + 1;
      if (json[at] !== COMMA) throw this.malformed(at, "a comma or the end of the list");
      at = this.skipWhite(at + 1);
    }
  }

  malformed(at: number, wanted: string): AmpsyncError {
    const found =
      at < this.json.length
        ? `${JSON.stringify(this.#clean(textOf(this.json.subarray(at))).slice(0, SHOWN))} stands where ${wanted} is expected.`
        : "It ends early.";
    return new AmpsyncError("SY303", "The answer is not JSON", { detail: `At byte ${at}: ${found}` });
  }

  #endOfContainer(start: number): number {
    const { json } = this;
    const { length } = json;
    let closers = this.#closers;
    let depth = 0;
    for (let at = start; at < length; at++) {
      const byte = json[at]!;
      if (byte === QUOTE) {
        do {
          at++;
          while (json[at] === BACKSLASH) at += 2;
        } while (json[at] !== QUOTE && at < length);
      } else if (byte === BRACE || byte === BRACKET) {
        if (depth === closers.length) closers = this.#deeper();
        closers[depth] = byte + TO_CLOSER;
        depth++;
      } else if (byte === BRACE + TO_CLOSER || byte === BRACKET + TO_CLOSER) {
        depth--;
        if (closers[depth] !== byte) throw this.malformed(at, String.fromCharCode(closers[depth]!));
        if (depth === 0) return at + 1;
      }
    }
    throw this.malformed(length, "its end");
  }

  #endOfString(start: number): number {
    const { json } = this;
    for (let at = start + 1; at < json.length; at++) {
      if (json[at] === QUOTE) return at + 1;
      if (json[at] === BACKSLASH) at++;
    }
    throw this.malformed(json.length, "its end");
  }

  #endOfWord(start: number): number {
    const { json } = this;
    let at = start;
    while (at < json.length && !ENDS_WORD.has(json[at]!)) at++;
    if (at === start) throw this.malformed(at, "a value");
    return at;
  }

  #nameAt(start: number, end: number): string {
    const quoted = this.text(start, end);
    if (!quoted.includes("\\")) return quoted.slice(1, -1);
    try {
      return String(JSON.parse(quoted));
    } catch {
      throw this.malformed(start, "a name in quotes");
    }
  }

  #deeper(): Uint8Array<ArrayBuffer> {
    const closers = new Uint8Array(this.#closers.length * 2);
    closers.set(this.#closers);
    this.#closers = closers;
    return closers;
  }
}

function isWhite(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
