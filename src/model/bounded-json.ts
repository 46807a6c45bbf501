export interface JsonLimits {
  /** How deep arrays and objects may be nested. */
  readonly depth: number;
  /** How many values, including the names of members. */
  readonly values: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING: ReadonlySet<number> = new Set([0x5b, 0x7b]);
const CLOSING: ReadonlySet<number> = new Set([0x5d, 0x7d]);
/** Comma and colon: each follows a value or a name. */
const SEPARATORS: ReadonlySet<number> = new Set([0x2c, 0x3a]);

/**
 * JSON.parse for text from others: throws RangeError before parsing if the result would
 * be much larger than the text. 14 MB of "[" are 1.2 GB of arrays.
 */
export function parseBounded(text: string, limits: JsonLimits): unknown {
  let depth = 0;
  let values = 1;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(text, at);
    } else if (OPENING.has(code)) {
      depth += 1;
      values += 1;
    } else if (CLOSING.has(code)) {
      depth -= 1;
    } else if (SEPARATORS.has(code)) {
      values += 1;
    }
    if (depth > limits.depth) {
      throw new RangeError(`it is nested deeper than ${limits.depth}`);
    }
    if (values > limits.values) {
      throw new RangeError(`it has more than ${limits.values} values`);
    }
  }
  return JSON.parse(text);
}

/** The position of the closing quote of a string that begins at `start`; the end of the text if there is none. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      return at;
    }
    if (code === BACKSLASH) {
      at += 1;
    }
  }
  return text.length;
}
