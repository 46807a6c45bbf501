import { type Clean, cleanText } from "./model/foreign-text.ts";

/** Ordered from the fewest log lines to the most. */
export const LOG_LEVELS = ["error", "warn", "info", "debug", "trace"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Structured log: an event name and its fields. Event names are a contract; free text is not. */
export interface Log {
  error(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  debug(event: string, fields?: LogFields): void;
  /** The same log with fields added to every line. */
  with(fields: LogFields): Log;
}

export type LogFields = Readonly<Record<string, string | number | bigint | boolean | null | undefined>>;

/** Writes one JSON object per line: time, level, event, fields. Bigints become text; text from others is cleaned. */
export function createLog(
  level: LogLevel,
  write: (line: string) => void,
  clean: Clean = cleanText,
  bound: LogFields = {},
): Log {
  const threshold = LOG_LEVELS.indexOf(level);

  function emit(line: LogLevel, event: string, fields: LogFields = {}): void {
    if (LOG_LEVELS.indexOf(line) > threshold) return;
    const entry = { time: new Date().toISOString(), level: line, event, ...bound, ...fields };
    write(`${JSON.stringify(entry, shown)}\n`);
  }

  function shown(_: string, value: unknown): unknown {
    return typeof value === "bigint" ? value.toString() : typeof value === "string" ? clean(value) : value;
  }

  return {
    error: (event, fields) => emit("error", event, fields),
    warn: (event, fields) => emit("warn", event, fields),
    info: (event, fields) => emit("info", event, fields),
    debug: (event, fields) => emit("debug", event, fields),
    with: (fields) => createLog(level, write, clean, { ...bound, ...fields }),
  };
}
