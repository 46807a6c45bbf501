/** A float as JSON: a value that is not a JSON number becomes a string that PostgreSQL can read. */
export function jsonNumber(value: number): string {
  return Number.isFinite(value) ? String(value) : `"${value}"`;
}
