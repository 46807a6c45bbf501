const DIGITS = new Intl.NumberFormat("en");
const UNITS = ["B", "kB", "MB", "GB"];

/** A hash as far as there is room for it: `0x1234567890abcdef…12345678`, and where the page is narrow `0x123456…5678`. */
export function hashOf(hex: string): readonly [long: string, short: string] {
  return [`0x${hex.slice(0, 16)}…${hex.slice(-8)}`, `0x${hex.slice(0, 6)}…${hex.slice(-4)}`];
}

export function countOf(value: number | string): string {
  return DIGITS.format(BigInt(Math.round(Number(value))));
}

export function bytesOf(value: number | string): string {
  let left = Number(value);
  let unit = 0;
  while (left >= 1000 && unit < UNITS.length - 1) {
    left /= 1000;
    unit += 1;
  }
  return `${left.toFixed(unit === 0 || left >= 100 ? 0 : 1)} ${UNITS[unit]}`;
}

export function lagOf(ms: number | null): string {
  if (ms === null) return "–";
  return ms < 10_000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 1000)} s`;
}
