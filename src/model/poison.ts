/**
 * SQLSTATEs of bad values (but for 22P04: there the framing of the COPY is wrong),
 * of NOT NULL and CHECK, of limits such as the size of an index entry, and of
 * RAISE in somebody's trigger.
 */
const REFUSALS = /^(22(?!P04)|23502$|23514$|54|P0001$)/;

/** Whether a SQLSTATE says that something stored, or to be stored, is refused for what it is. */
export function isRefusal(code: string): boolean {
  return REFUSALS.test(code);
}

/** Whether PostgreSQL refused rows for what is in them, so that the same rows will be refused again. */
export function isPoison(error: unknown): error is Error {
  const code: unknown = error instanceof Error ? Reflect.get(error, "code") : undefined;
  return typeof code === "string" && isRefusal(code);
}
