/** Ordered from the fewest log lines to the most. */
export const LOG_LEVELS = ["error", "warn", "info", "debug", "trace"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The least important lines that are written; `off`: none. */
export type Threshold = LogLevel | "off";
const THRESHOLDS: readonly Threshold[] = ["off", ...LOG_LEVELS];

/** The parts of ampsync that can have a level of their own, and the library that runs its jobs. */
export const LOG_PARTS = [
  "stream",
  "ingest",
  "capture",
  "gateway",
  "snapshot",
  "dataset",
  "index",
  "lease",
  "commit",
  "db",
  "queue",
  "install",
  "sync",
  "health",
  "graphile_worker",
] as const;
export type LogPart = (typeof LOG_PARTS)[number];

/** Thresholds by the name of a part, such as `ampsync::stream`, and one for the others. */
export interface LogLevels {
  readonly rest: Threshold;
  readonly parts: ReadonlyMap<string, Threshold>;
}

export interface ParsedLevels {
  readonly levels: LogLevels;
  /** Parts of the text that mean nothing. */
  readonly wrong: readonly string[];
  /** Parts of ampsync that do not exist: programs with the same settings may have them. */
  readonly unknown: readonly string[];
}

/** What the lines of a part are called. */
export function targetOf(part: LogPart | null): string {
  return part === null ? "ampsync" : part === "graphile_worker" ? part : `ampsync::${part}`;
}

/**
 * Reads `debug`, and lists in the style of RUST_LOG, such as `info,ampsync::stream=debug,h2=off`: the later one counts,
 * and of parts the longer name. A name alone means all its lines. Names of other programs mean nothing here.
 */
export function parseLogLevels(text: string): ParsedLevels {
  const parts = new Map<string, Threshold>();
  const wrong: string[] = [];
  let rest: Threshold = "info";
  for (const item of text.split(",").map((each) => each.trim())) {
    const [, name = null, word = ""] = /^(?:(.*\S)\s*=)?\s*(.*)$/s.exec(item.toLowerCase()) ?? [];
    const level = THRESHOLDS.find((each) => each === word);
    if (level !== undefined && name === null) {
      rest = level;
    } else if (name !== null && (level !== undefined || word === "")) {
      parts.set(name, level ?? "trace");
    } else if (name === null && isOurs(word)) {
      parts.set(word, "trace");
    } else if (item !== "") {
      wrong.push(item);
    }
  }
  const known = new Set(["ampsync", ...LOG_PARTS.map(targetOf)]);
  const unknown = [...parts.keys()].filter((name) => isOurs(name) && !known.has(name));
  return { levels: { rest, parts }, wrong, unknown };
}

/** Whether lines of this level are written for this part. */
export function isWritten(line: LogLevel, levels: LogLevels, target: string): boolean {
  return THRESHOLDS.indexOf(line) <= THRESHOLDS.indexOf(thresholdOf(levels, target));
}

function thresholdOf({ rest, parts }: LogLevels, target: string): Threshold {
  for (let name = target; name !== ""; name = name.slice(0, Math.max(0, name.lastIndexOf("::")))) {
    const found = parts.get(name);
    if (found !== undefined) return found;
  }
  return rest;
}

function isOurs(name: string): boolean {
  return /^(ampsync|graphile_worker)(::|$)/.test(name);
}
