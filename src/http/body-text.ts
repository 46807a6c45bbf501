import { isUtf8 } from "node:buffer";

import { AmpsyncError } from "../errors.ts";

const MARKS = [
  { charset: "utf-8", bytes: Buffer.from([0xef, 0xbb, 0xbf]) },
  { charset: "utf-16le", bytes: Buffer.from([0xff, 0xfe]) },
  { charset: "utf-16be", bytes: Buffer.from([0xfe, 0xff]) },
];
/** JSON has no other charset; servers say ASCII where their software always does. */
const UTF8_NAMES = /^(utf-?8|us-ascii|ascii|)$/i;

/**
 * The body as UTF-8 without a byte order mark. What could not be stored stands there as an escape, so that it is found and
 * judged as one: U+0000, and bytes that are no UTF-8 as the half of a surrogate pair that has their number (U+DCxx).
 */
export function decodeBody(body: Uint8Array, contentType: string | null): Buffer {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  const mark = MARKS.find((each) => bytes.subarray(0, each.bytes.length).equals(each.bytes));
  const text = mark === undefined ? bytes : bytes.subarray(mark.bytes.length);
  const charset = mark?.charset ?? charsetOf(contentType);
  const utf8 = UTF8_NAMES.test(charset) ? text : decoded(text, charset);
  return isUtf8(utf8) && !utf8.includes(0) ? utf8 : withEscapes(utf8);
}

function charsetOf(contentType: string | null): string {
  return /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(contentType ?? "")?.[1] ?? "";
}

function decoded(bytes: Buffer, charset: string): Buffer {
  try {
    return Buffer.from(new TextDecoder(charset, { ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw new AmpsyncError("SY303", "The answer has an encoding that nobody knows", {
      detail: `Its Content-Type names the charset ${JSON.stringify(charset)}.`,
      hint: "Retried automatically. If it stays so, ask for JSON in UTF-8, for example with an Accept header.",
      cause,
    });
  }
}

function withEscapes(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  let done = 0;
  for (let at = 0; at < bytes.length; ) {
    const length = bytes[at] === 0 ? 0 : characterLength(bytes, at);
    if (length === 0) {
      const number = bytes[at] === 0 ? 0 : 0xdc00 + bytes[at]!;
      parts.push(bytes.subarray(done, at), Buffer.from(`\\u${number.toString(16).padStart(4, "0")}`));
      done = at + 1;
    }
    at += Math.max(length, 1);
  }
  return Buffer.concat([...parts, bytes.subarray(done)]);
}

/** The bytes of the UTF-8 character that begins here; 0: none does. */
function characterLength(bytes: Buffer, at: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return 1;
  const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  const character = bytes.subarray(at, at + length);
  return length > 0 && character.length === length && isUtf8(character) ? length : 0;
}
