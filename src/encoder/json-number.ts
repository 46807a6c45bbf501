/** A float as JSON: what JSON has no number for is a string that PostgreSQL reads. */
export function jsonNumber(value: number): string {
  return Number.isFinite(value) ? String(value) : `"${value}"`;
}
