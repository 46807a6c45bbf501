import { isRefusal } from "./poison.ts";

/** An error as it is stored and shown. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly detail: string | null;
  readonly hint: string | null;
  /** Of a foreign key that was violated: its name. */
  readonly constraint?: string;
}

/** What becomes of a pass that ended with an error: retried, given up, or no longer its business. */
export type Reaction = "retry" | "stop" | "lost";

/** Errors of ours that no retry can help. All others of class SY are retried. */
const STOPS: ReadonlySet<string> = new Set([
  ...["SY004", "SY102", "SY106", "SY201", "SY202", "SY203"],
  "SY903",
]);

/**
 * SQLSTATEs that a second try would only repeat; PostgreSQL's other errors are retried from the checkpoint. A
 * table that is not there under its name may have been renamed: the next pass finds out what became of it.
 */
const STOPPING_CLASSES = /^(22|23|42(?!P01)|0A)/;

/**
 * SQLSTATEs that say nothing against the call itself, only against this moment or this connection: the same
 * call again may succeed. 08P01 is not among them, nor what says who may connect (28xxx, 3D000).
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
  // Resources, the system
  ...["53000", "53100", "53200", "53400", "58000", "58030"],
  // Others in the way, time-outs, cancelled
  ...["40001", "40P01", "55P03", "55006", "57014", "25P03", "25P04"],
  // Outcome unknown: calls may be repeated, and a pass begins by reading the checkpoint
  ...["08007", "40003"],
]);

/** V8's words. No defect, if no fault of the server either: later there may be some. */
const NO_MEMORY = "Array buffer allocation failed";

/** Of a stack. */
const DEFECT_CHARACTERS = 1_000;

/** The system's codes, such as EPIPE, can look like one. */
const SQLSTATE = /^(?!E[A-Z]{4}$)[0-9A-Z]{5}$/;

/** PostgreSQL's words for "your schema is older than my code, or newer". */
const SCHEMA_MISMATCH = /^(42883|42P01|42703)$/;

/** Decides by the code alone, in this one place. */
export function reactionTo(code: string): Reaction {
  if (code === "SY001" || code === "SY002") return "lost";
  if (code.startsWith("SY")) return STOPS.has(code) ? "stop" : "retry";
  if (code === "08P01") return "stop"; // In COPY: our bytes are wrong.
  return STOPPING_CLASSES.test(code) || isRefusal(code) ? "stop" : "retry";
}

/**
 * Errors by which JavaScript tells that a program is wrong. No server and no network is to blame then, and
 * the same again would end the same. `fetch` uses one of them for what the network did, with a cause.
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
 * Whether the same call to the database may succeed when repeated, on another connection perhaps. Without a
 * SQLSTATE an error is the driver's or the network's: refused, reset, timed out, a failed TLS handshake.
 */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof Error) || isDefect(error)) {
    return false;
  }
  const code = textOf(error, "code");
  return code === null || !SQLSTATE.test(code) || TRANSIENT.has(code);
}

/** Reads any thrown value. Errors of PostgreSQL come with their own code, detail and hint. */
export function failureOf(error: unknown): Failure {
  if (error instanceof RangeError && error.message === NO_MEMORY) {
    const hint =
      "Give the worker more memory, or fewer streams at a time: graphile-worker's --jobs, or MAX_CONCURRENT_BATCHES.";
    return { code: "53200", message: "the worker is out of memory", detail: error.message, hint };
  }
  if (!(error instanceof Error) || isDefect(error)) {
    const detail = error instanceof Error ? (error.stack?.slice(0, DEFECT_CHARACTERS) ?? null) : null;
    const hint = "This is a defect of ampsync: please report it with this detail.";
    return { code: "SY903", message: String(error), detail, hint };
  }
  const code = textOf(error, "code");
  if (code === null || !SQLSTATE.test(code)) {
    // Without a SQLSTATE it is a broken connection or the like.
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
  if (code === "23505") {
    const hint =
      "Two rows have the same _id, or one of your own constraints refuses a row: select * from ampsync.events;";
    return { code, ...told, hint: told.hint ?? hint };
  }
  const constraint = code === "23503" ? textOf(error, "constraint") : null;
  return { code, ...told, ...(constraint === null ? {} : { constraint }) };
}

/** Of our own objects: migrating puts it right, and until then the stream is retried. */
function isSchemaMismatch(code: string, error: Error): boolean {
  return (
    (SCHEMA_MISMATCH.test(code) && /\bampsync(_private|_worker)?\b/.test(error.message)) ||
    // A plan made before the migration. The words of it depend on the server's language.
    (code === "0A000" && textOf(error, "routine") === "RevalidateCachedQuery")
  );
}

export function textOf(error: unknown, key: string): string | null {
  const value: unknown = error instanceof Error ? Reflect.get(error, key) : null;
  return typeof value === "string" ? value : null;
}
