import { isRefusal } from "./poison.ts";
import { databaseTlsError } from "./tls-error.ts";

/** An error in the form in which it is stored and shown. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly detail: string | null;
  readonly hint: string | null;
  /** The name of the foreign key that was violated. */
  readonly constraint?: string;
}

/** What follows when a pass ends with an error: the stream is retried, it stops, or the pass has lost its lease. */
export type Reaction = "retry" | "stop" | "lost";

/** Errors of class SY that no retry can cure. All others of the class are retried. */
const STOPS: ReadonlySet<string> = new Set([
  ...["SY004", "SY102", "SY106", "SY201", "SY202", "SY203"],
  ...["SY301", "SY302", "SY307", "SY903"],
]);

/**
 * SQLSTATEs that a second attempt would only repeat; PostgreSQL's other errors are retried from the checkpoint. A
 * table that is missing under its name may have been renamed: the next pass finds out.
 */
const STOPPING_CLASSES = /^(22|23|42(?!P01)|0A)/;

/**
 * SQLSTATEs that do not blame the call itself, only this moment or this connection: the same call may succeed
 * later. 08P01 is not among them, nor are the refusals to connect (28xxx, 3D000).
 */
const TRANSIENT: ReadonlySet<string> = new Set([
  // Connection: refused, broken, full, starting, stopping; read-only after a failover; a lost prepared statement
  ...[
    "08000",
    "08001",
    "08003",
    "08004",
    "08006",
    "53300",
    "57P01",
    "57P02",
    "57P03",
    "57P05",
    "25006",
    "26000",
  ],
  // Resources and the operating system
  ...["53000", "53100", "53200", "53400", "58000", "58030"],
  // Conflicts with others, time-outs, cancelled calls
  ...["40001", "40P01", "55P03", "55006", "57014", "25P03", "25P04"],
  // Unknown outcome: calls may be repeated, and a pass begins by reading the checkpoint
  ...["08007", "40003"],
]);

/** V8's message. Neither a bug nor an error of the server: memory may be free later. */
const NO_MEMORY = "Array buffer allocation failed";

/** The most characters of a stack trace that are kept. */
const DEFECT_CHARACTERS = 1_000;

/** Errors that lie below one another. */
const DEEPEST = 8;

/** Error codes of the operating system, such as EPIPE, must not match. */
const SQLSTATE = /^(?!E[A-Z]{4}$)[0-9A-Z]{5}$/;

/** The SQLSTATEs by which PostgreSQL reports that its schema is older, or newer, than this program, or not there. */
const SCHEMA_MISMATCH = /^(42883|42P01|42703|3F000)$/;

/** What to do where PostgreSQL lets nobody in, by its code. */
const REFUSED_HINTS: Readonly<Record<string, (message: string) => string>> = {
  "28000": () =>
    "The server's pg_hba.conf does not let this user in from here, or wants a client certificate: sslcert and sslkey in DATABASE_URL name one, whose common name is the name of the user.",
  "28P01": () =>
    "Correct user and password in DATABASE_URL, where special characters are percent-encoded, or in DATABASE_USER and DATABASE_PASSWORD. Where pg_hba.conf wants a client certificate, its common name is the name of the user.",
  "53300": () =>
    "select usename, application_name, count(*) from pg_stat_activity group by 1, 2 order by 3 desc; -- who has them; max_connections must allow for 21 per worker",
  "3D000": (message) =>
    `Correct its name in DATABASE_URL, or make it: create database ${/"[^"]+"/.exec(message)?.[0] ?? "ampsync"} encoding 'UTF8' template template0;`,
};

/** A foreign key was violated; where it says RESTRICT, PostgreSQL 18 has a code of its own for that. */
const FOREIGN_KEY = /^(23503|23001)$/;

/** The one place that decides, by the code alone. */
export function reactionTo(code: string): Reaction {
  if (code === "SY001" || code === "SY002") return "lost";
  if (code.startsWith("SY")) return STOPS.has(code) ? "stop" : "retry";
  if (code === "08P01") return "stop"; // In COPY: our bytes are wrong.
  return STOPPING_CLASSES.test(code) || isRefusal(code) ? "stop" : "retry";
}

/**
 * How a failure ends the pass of a stream. Null if another worker carries on, or the stream was paused or removed: then there
 * is nothing to record.
 */
export function passOutcomeOf({ code }: Failure): "failed" | "ended" | null {
  switch (reactionTo(code)) {
    case "lost":
      return null;
    case "stop":
      return "failed";
    case "retry":
      return "ended";
  }
}

/**
 * Errors by which JavaScript reports a bug in the program. No server and no network is to blame then, and
 * another attempt would fail the same way. `fetch` throws a TypeError for network errors too, but with a cause.
 */
export function isDefect(error: unknown): boolean {
  const isOfTheProgram =
    error instanceof TypeError ||
    error instanceof ReferenceError ||
    error instanceof RangeError ||
    error instanceof SyntaxError;
  return !(error instanceof Error) || (isOfTheProgram && error.cause === undefined);
}

/**
 * Whether the same call to the database may succeed when repeated, perhaps on another connection. An error without a
 * SQLSTATE comes from the driver or the network: refused, reset, timed out, a failed TLS handshake.
 */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof Error) || isDefect(error)) {
    return false;
  }
  const code = textOf(error, "code");
  return code === null || !SQLSTATE.test(code) || TRANSIENT.has(code);
}

/** Makes a failure of any thrown value. Errors of PostgreSQL have their own code, detail and hint. */
export function failureOf(error: unknown): Failure {
  if (error instanceof RangeError && error.message === NO_MEMORY) {
    const hint =
      "Give the worker more memory, or fewer streams at a time: graphile-worker's --jobs, or MAX_CONCURRENT_BATCHES.";
    return { code: "53200", message: "the worker is out of memory", detail: error.message, hint };
  }
  if (!(error instanceof Error) || isDefect(error)) {
    const detail = error instanceof Error ? (error.stack?.slice(0, DEFECT_CHARACTERS) ?? null) : null;
    const hint = "This is a bug in ampsync: please report it with this detail.";
    return { code: "SY903", message: String(error), detail, hint };
  }
  const code = textOf(error, "code");
  const tls = code === null || !SQLSTATE.test(code) ? databaseTlsError(error) : null;
  if (tls !== null) {
    return { code: tls.code, message: tls.message, detail: tls.detail, hint: tls.hint };
  }
  if (code === null || !SQLSTATE.test(code)) {
    // An error without a SQLSTATE is a broken connection or similar.
    const message = error.message === "" ? `no connection (${code ?? error.name})` : error.message;
    const hint = "Retried automatically: select * from ampsync.streams;";
    return { code: "SY104", message, detail: code, hint };
  }
  const told = { message: error.message, detail: textOf(error, "detail"), hint: textOf(error, "hint") };
  if (isSchemaMismatch(code, error)) {
    const detail = `PostgreSQL said ${code}: ${error.message}.`;
    return {
      code: "SY901",
      message: "database schema and code do not match",
      detail,
      hint: "ampsync migrate",
    };
  }
  const refused = REFUSED_HINTS[code];
  if (refused !== undefined) {
    return { code, ...told, hint: told.hint ?? refused(error.message) };
  }
  if (code === "23505") {
    const hint =
      "Two rows have the same key, or one of your own constraints refuses a row: select * from ampsync.events;";
    return { code, ...told, hint: told.hint ?? hint };
  }
  const constraint = FOREIGN_KEY.test(code) ? textOf(error, "constraint") : null;
  return { code, ...told, ...(constraint === null ? {} : { constraint }) };
}

/** What the error that lies at the bottom of another one says; null if there is none. */
export function causeOf(error: unknown): string | null {
  let cause = error;
  for (let depth = 0; depth < DEEPEST && cause instanceof Error && cause.cause !== undefined; depth++) {
    cause = cause.cause;
  }
  if (cause === error) {
    return null;
  }
  return cause instanceof Error ? cause.message || cause.name : String(cause);
}

/** Whether one of ampsync's own objects does not match: `ampsync migrate` cures that, and until then the stream is retried. */
function isSchemaMismatch(code: string, error: Error): boolean {
  return (
    (SCHEMA_MISMATCH.test(code) && /\bampsync(_private|_worker)?\b/.test(error.message)) ||
    // A plan made before the migration. The text of the error depends on the server's language.
    (code === "0A000" && textOf(error, "routine") === "RevalidateCachedQuery")
  );
}

export function textOf(error: unknown, key: string): string | null {
  const value: unknown = error instanceof Error ? Reflect.get(error, key) : null;
  return typeof value === "string" ? value : null;
}
