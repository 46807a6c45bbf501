const BACKSLASH = 0x5c;
const SMALL_U = 0x75;
const ZERO = 0x30;
const SMALL_D = 0x64;
const LARGE_D = 0x44;
/** What a byte is worth as a hexadecimal digit; -1: it is none. */
const HEX_DIGITS = Int8Array.from({ length: 256 }, (_, byte) =>
  "0123456789abcdef".indexOf(String.fromCharCode(byte).toLowerCase()),
);
/** The bytes of an escape such as \u0000. */
export const ESCAPE_BYTES = 6;

/**
 * The position of the first escape from `from` on, and before `to`, that stands for what PostgreSQL cannot store: U+0000, or
 * half of a surrogate pair; -1: there is none. A backslash begins an escape only after an even number of backslashes.
 */
export function badEscapeAt(json: Buffer, from: number, to: number): number {
  for (let at = from; ; ) {
    at = json.indexOf("\\u", at);
    if (at === -1 || at >= to) return -1;
    if (!isSuspect(json, at) || isEscaped(json, at, from)) {
      at += 2;
      continue;
    }
    const unit = unitAt(json, at, to);
    const isPair = isHigh(unit) && isLow(unitAt(json, at + ESCAPE_BYTES, to));
    if (unit === 0 || isLow(unit) || (isHigh(unit) && !isPair)) return at;
    at += isPair ? 2 * ESCAPE_BYTES : 2;
  }
}

/** Whether the digits begin as those of U+0000 and of surrogates do: most escapes are letters, and need no closer look. */
function isSuspect(json: Buffer, at: number): boolean {
  const first = json[at + 2];
  return first === ZERO ? json[at + 3] === ZERO : first === SMALL_D || first === LARGE_D;
}

/** Whether a backslash is itself escaped: by an odd number of others. */
function isEscaped(json: Buffer, at: number, from: number): boolean {
  let first = at;
  while (first > from && json[first - 1] === BACKSLASH) first--;
  return (at - first) % 2 === 1;
}

/** The UTF-16 code unit that the escape at this position stands for; -1: there is no escape. */
function unitAt(json: Buffer, at: number, to: number): number {
  if (at + ESCAPE_BYTES > to || json[at] !== BACKSLASH || json[at + 1] !== SMALL_U) return -1;
  let unit = 0;
  for (let digit = at + 2; digit < at + ESCAPE_BYTES; digit++) {
    const value = HEX_DIGITS[json[digit]!]!;
    if (value < 0) return -1;
    unit = unit * 16 + value;
  }
  return unit;
}

function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
