/**
 * SQLSTATEs of values (except 22P04: then the framing of the COPY is wrong), of
 * NOT NULL and CHECK, of limits such as the size of an index entry, and of RAISE in
 * a trigger of the user.
 */
const REFUSALS = /^(22(?!P04)|23502$|23514$|54|P0001$)/;

/** Whether a SQLSTATE says that PostgreSQL refuses a row, stored or to be stored, because of its values. */
export function isRefusal(code: string): boolean {
  return REFUSALS.test(code);
}

/** Whether PostgreSQL refused rows because of their values, so that it will refuse the same rows again. */
export function isPoison(error: unknown): error is Error {
  const code: unknown = error instanceof Error ? Reflect.get(error, "code") : undefined;
  return typeof code === "string" && isRefusal(code);
}
