import { LOG_LEVELS, type LogLevel } from "./config.ts";

/** Structured log: one event name and its fields. Event names are a contract, free text is none. */
export interface Log {
  error(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  debug(event: string, fields?: LogFields): void;
  /** The same log with fields added to every line. */
  with(fields: LogFields): Log;
}

export type LogFields = Readonly<Record<string, string | number | bigint | boolean | null | undefined>>;

/** Writes one JSON object a line: time, level, event, fields. Bigints become text. */
export function createLog(level: LogLevel, write: (line: string) => void, bound: LogFields = {}): Log {
  const threshold = LOG_LEVELS.indexOf(level);

  function emit(line: LogLevel, event: string, fields: LogFields = {}): void {
    if (LOG_LEVELS.indexOf(line) > threshold) return;
    const entry = { time: new Date().toISOString(), level: line, event, ...bound, ...fields };
    write(`${JSON.stringify(entry, (_, value) => (typeof value === "bigint" ? value.toString() : value))}\n`);
  }

  return {
    error: (event, fields) => emit("error", event, fields),
    warn: (event, fields) => emit("warn", event, fields),
    info: (event, fields) => emit("info", event, fields),
    debug: (event, fields) => emit("debug", event, fields),
    with: (fields) => createLog(level, write, { ...bound, ...fields }),
  };
}
