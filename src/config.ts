import { readFileSync } from "node:fs";

import { AmpsyncError } from "./errors.ts";

/** What a process needs to know, from the environment; parsed once, never changed. */
export interface Config {
  /** A PostgreSQL connection URL; null where the environment names none. */
  readonly databaseUrl: string | null;
  readonly flightAddress: string;
  /** Null (`off`) where there is no Admin API: tables and version must then be named in SQL. */
  readonly adminAddress: string | null;
  /** Reads the token anew on each call, because a token file may be rotated. */
  readonly token: () => string | null;
  /** Connections of the writing pool, one of them reserved for heartbeats. */
  readonly poolSize: number;
  /** Microbatches being written at once over all tables of the process. */
  readonly maxConcurrentBatches: number;
  /** Largest message accepted from the Flight server, in MiB. */
  readonly grpcMaxDecodeMb: number;
  readonly logLevel: LogLevel;
}

export const LOG_LEVELS = ["error", "warn", "info", "debug", "trace"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Every environment variable we read, by setting; the first name is the documented one. */
export const VARIABLES = {
  databaseUrl: ["DATABASE_URL"],
  databaseUrlFile: ["DATABASE_URL_FILE"],
  databaseUser: ["DATABASE_USER"],
  databaseName: ["DATABASE_NAME"],
  databasePassword: ["DATABASE_PASSWORD"],
  databasePasswordFile: ["DATABASE_PASSWORD_FILE"],
  databaseHost: ["DATABASE_HOST"],
  databasePort: ["DATABASE_PORT"],
  flightAddress: ["AMP_FLIGHT_ADDR", "NOZZLE_ENDPOINT"],
  adminAddress: ["AMP_ADMIN_API_ADDR"],
  token: ["AMP_AUTH_TOKEN"],
  tokenFile: ["AMP_AUTH_TOKEN_FILE"],
  poolSize: ["DB_POOL_SIZE", "MAX_DB_CONNECTIONS"],
  maxConcurrentBatches: ["MAX_CONCURRENT_BATCHES"],
  grpcMaxDecodeMb: ["AMPSYNC_GRPC_MAX_DECODE_MB"],
  logLevel: ["AMP_LOG", "RUST_LOG", "NOZZLE_LOG"],
} as const;

type Setting = keyof typeof VARIABLES;
type Environment = Readonly<Record<string, string | undefined>>;

/** The configuration of this process. Throws SY902 with all faults in one report. */
export function configFromProcess(): Config {
  return parseConfig(process.env, (path) => readFileSync(path, "utf8"));
}

/** Where logs go: standard error, one line each. */
export function writeStderr(line: string): void {
  process.stderr.write(line);
}

export function parseConfig(env: Environment, readFile: (path: string) => string): Config {
  const faults: string[] = [];

  function text(setting: Setting): string | null {
    const given = VARIABLES[setting].map((name) => [name, env[name]] as const).filter(([, value]) => value);
    // Log levels are the exception: their names are tried in order, as the programs before us did.
    if (setting !== "logLevel" && new Set(given.map(([, value]) => value)).size > 1) {
      faults.push(`${given.map(([name]) => name).join(" and ")} have different values`);
    }
    return given[0]?.[1] ?? null;
  }

  function wholeNumber(setting: Setting, fallback: number, min: number, max: number): number {
    const value = text(setting);
    if (value === null) return fallback;
    const number = Number(value);
    if (!Number.isInteger(number) || number < min || number > max) {
      faults.push(`${VARIABLES[setting][0]}=${value} is not a whole number from ${min} to ${max}`);
    }
    return number;
  }

  function address(setting: Setting, fallback: string): string {
    const value = text(setting) ?? fallback;
    if (!URL.canParse(value) || !/^https?:$/.test(new URL(value).protocol)) {
      faults.push(`${VARIABLES[setting][0]} is not an http or https address`);
    }
    return value;
  }

  function secret(setting: Setting, fileSetting: Setting): string | null {
    const file = text(fileSetting);
    if (file === null) return text(setting);
    try {
      return readFile(file).trim();
    } catch {
      faults.push(`${VARIABLES[fileSetting][0]} names a file that cannot be read`);
      return null;
    }
  }

  const tokenFile = text("tokenFile");
  const tokenText = secret("token", "tokenFile");
  const config: Config = {
    databaseUrl: databaseUrl(text, secret, faults),
    flightAddress: address("flightAddress", "http://localhost:1602"),
    adminAddress: text("adminAddress") === "off" ? null : address("adminAddress", "http://localhost:1610"),
    token: () => (tokenFile === null ? tokenText : readFile(tokenFile).trim()),
    poolSize: wholeNumber("poolSize", 10, 3, 1000),
    maxConcurrentBatches: wholeNumber("maxConcurrentBatches", 10, 1, 1000),
    grpcMaxDecodeMb: wholeNumber("grpcMaxDecodeMb", 32, 1, 512),
    logLevel: logLevel(text("logLevel")),
  };

  if (faults.length > 0) {
    throw new AmpsyncError("SY902", `the configuration is wrong: ${faults.join("; ")}`, {
      detail: "Settings are read from the environment.",
      hint: "Correct them and start again; README.md lists them all.",
    });
  }
  return Object.freeze(config);
}

function databaseUrl(
  text: (setting: Setting) => string | null,
  secret: (setting: Setting, fileSetting: Setting) => string | null,
  faults: string[],
): string | null {
  const url = secret("databaseUrl", "databaseUrlFile");
  const user = text("databaseUser");
  const name = text("databaseName");
  if (url !== null) {
    return url;
  }
  if (user === null && name === null) {
    return null;
  }
  if (user === null || name === null) {
    faults.push("DATABASE_USER and DATABASE_NAME are needed together");
    return null;
  }
  const port = text("databasePort") ?? "5432";
  if (!/^\d{1,5}$/.test(port)) {
    faults.push(`DATABASE_PORT=${port} is not a port`);
  }
  const password = secret("databasePassword", "databasePasswordFile") ?? "";
  const host = text("databaseHost") ?? "localhost";
  // Percent-encoded, so that no character of a password can end its part.
  const [u, p, h, n] = [user, password, host, name].map(encodeURIComponent);
  return `postgresql://${u}:${p}@${h}:${port}/${n}`;
}

/** Takes `debug`, and lists as `info,ampsync=debug`, where ours or else the general level counts. */
function logLevel(text: string | null): LogLevel {
  const parts = (text ?? "").toLowerCase().split(",");
  const wanted = parts.find((part) => part.startsWith("ampsync="))?.slice(8) ?? parts[0];
  return LOG_LEVELS.find((level) => level === wanted) ?? "info";
}

/** The database, for commands that cannot do without one. Throws SY902. */
export function requireDatabase(config: Config): string {
  if (config.databaseUrl === null) {
    throw new AmpsyncError("SY902", "no database is configured", {
      detail: "A worker never starts a database of its own: it would write silently into itself.",
      hint: "Set DATABASE_URL=postgresql://user:password@host:5432/database",
    });
  }
  return config.databaseUrl;
}
