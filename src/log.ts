import { type Clean, cleanText } from "./model/foreign-text.ts";
import { isWritten, type LogLevel, type LogLevels, type LogPart, targetOf } from "./model/log-levels.ts";

/** Structured log: an event name and its fields. Event names are a contract; free text is not. */
export interface Log {
  error(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  debug(event: string, fields?: LogFields): void;
  /** The same log with fields added to every line. */
  with(fields: LogFields): Log;
  /** The same log for a part of the program, which may have a level of its own. */
  part(part: LogPart): Log;
}

export type LogFields = Readonly<Record<string, string | number | bigint | boolean | null | undefined>>;

/** Where lines come from, and what they all have. */
interface Origin {
  readonly target: string;
  readonly fields: LogFields;
}

/** Ours, and not text from others. */
const OWN_KEYS: ReadonlySet<string> = new Set(["time", "level", "target", "event"]);

/**
 * Writes one JSON object per line: time, level, target, event, fields. Bigints become text; text from others is
 * cleaned.
 */
export function createLog(
  level: LogLevel | LogLevels,
  write: (line: string) => void,
  clean: Clean = cleanText,
  { target, fields: bound }: Origin = { target: targetOf(null), fields: {} },
): Log {
  const levels = typeof level === "string" ? { rest: level, parts: new Map() } : level;

  function emit(line: LogLevel, event: string, fields: LogFields = {}): void {
    if (!isWritten(line, levels, target)) return;
    const entry = { time: new Date().toISOString(), level: line, target, event, ...bound, ...fields };
    write(`${JSON.stringify(entry, shown)}\n`);
  }

  function shown(key: string, value: unknown): unknown {
    if (typeof value === "bigint") return value.toString();
    return typeof value === "string" && !OWN_KEYS.has(key) ? clean(value) : value;
  }

  return {
    error: (event, fields) => emit("error", event, fields),
    warn: (event, fields) => emit("warn", event, fields),
    info: (event, fields) => emit("info", event, fields),
    debug: (event, fields) => emit("debug", event, fields),
    with: (fields) => createLog(levels, write, clean, { target, fields: { ...bound, ...fields } }),
    part: (part) => createLog(levels, write, clean, { target: targetOf(part), fields: bound }),
  };
}
