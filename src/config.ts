import { readFileSync } from "node:fs";
import { AmpsyncError } from "./errors.ts";
import { LOG_LEVELS, type LogLevel } from "./log.ts";
import { completeDatabaseUrl } from "./model/database-url.ts";

/** The oldest Node.js that our packages support; the same as `engines` in package.json. */
const OLDEST_NODE = [22, 19] as const;

/** The settings of a process, from its environment; parsed once, never changed. */
export interface Config {
  /** A PostgreSQL connection URL; null if the environment names none. */
  readonly databaseUrl: string | null;
  /** Schema of graphile-worker's queue; null if the environment names none. */
  readonly queueSchema: string | null;
  readonly flightAddress: URL;
  /** Null (`off`) if there is no Admin API: then SQL calls must name tables and version. */
  readonly adminAddress: URL | null;
  /** Reads the token again on each call, because a token file may be rotated. */
  readonly token: () => string | null;
  /** Connections of the writing pool, one of them reserved for heartbeats. */
  readonly poolSize: number;
  /** Microbatches that may be written at the same time, over all tables of the process. */
  readonly maxConcurrentBatches: number;
  /** Largest message accepted from the Flight server, in MiB. */
  readonly grpcMaxDecodeMb: number;
  /** How long connecting to the database, and a failing call, are retried before giving up; in seconds. */
  readonly connectionLimitSecs: number;
  readonly operationLimitSecs: number;
  readonly logLevel: LogLevel;
  /** Values that are accepted but not recommended; for the log. */
  readonly warnings: readonly string[];
}

/** The environment variables that are read, by setting; the first name is the documented one. */
export const VARIABLES = {
  databaseUrl: ["DATABASE_URL"],
  databaseUrlFile: ["DATABASE_URL_FILE"],
  databaseUser: ["DATABASE_USER"],
  databaseName: ["DATABASE_NAME"],
  databasePassword: ["DATABASE_PASSWORD"],
  databasePasswordFile: ["DATABASE_PASSWORD_FILE"],
  databaseHost: ["DATABASE_HOST"],
  databasePort: ["DATABASE_PORT"],
  queueSchema: ["GRAPHILE_WORKER_SCHEMA"],
  flightAddress: ["AMP_FLIGHT_ADDR", "NOZZLE_ENDPOINT"],
  adminAddress: ["AMP_ADMIN_API_ADDR"],
  token: ["AMP_AUTH_TOKEN"],
  tokenFile: ["AMP_AUTH_TOKEN_FILE"],
  poolSize: ["DB_POOL_SIZE", "MAX_DB_CONNECTIONS"],
  maxConcurrentBatches: ["MAX_CONCURRENT_BATCHES"],
  grpcMaxDecodeMb: ["AMPSYNC_GRPC_MAX_DECODE_MB"],
  connectionLimitSecs: ["DB_MAX_RETRY_DURATION_SECS"],
  operationLimitSecs: ["DB_OPERATION_MAX_RETRY_DURATION_SECS"],
  logLevel: ["AMP_LOG", "RUST_LOG", "NOZZLE_LOG"],
} as const;

type Setting = keyof typeof VARIABLES;
type Environment = Readonly<Record<string, string | undefined>>;

/** The configuration of this process. Throws SY902, which names all wrong settings at once. */
export function configFromProcess(): Config {
  checkNode(process.versions.node);
  return parseConfig(process.env, (path) => readFileSync(path, "utf8"));
}

/** Refuses a Node.js that is too old for our packages, whose own errors would be obscure. Throws SY902. */
export function checkNode(version: string): void {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
    throw new AmpsyncError("SY902", `Node.js ${version} is too old for ampsync`, {
      detail: `It needs ${OLDEST_NODE.join(".")} or newer.`,
      hint: "Install a current Node.js: https://nodejs.org/en/download",
    });
  }
}

/** Makes the process exit with code 1: when nothing keeps it alive, at the latest after `graceMs`. */
export function failProcess(graceMs: number): void {
  process.exitCode ??= 1;
  setTimeout(() => process.exit(), graceMs).unref();
}

/** Tells this process from others, for people: its process id. */
export function processId(): number {
  return process.pid;
}

/** Where logs go: standard error, one line each. */
export function writeStderr(line: string): void {
  process.stderr.write(line);
}

export function parseConfig(env: Environment, readFile: (path: string) => string): Config {
  const problems: string[] = [];
  const warnings: string[] = [];

  function given(setting: Setting): { readonly name: string; readonly value: string } | null {
    const set = VARIABLES[setting].flatMap((name) => (env[name] ? [{ name, value: env[name] }] : []));
    // Log levels are the exception: the first name that is set counts, as in the programs that came before this one.
    if (setting !== "logLevel" && new Set(set.map(({ value }) => value)).size > 1) {
      problems.push(`${set.map(({ name }) => name).join(" and ")} have different values`);
    }
    return set[0] ?? null;
  }

  function text(setting: Setting): string | null {
    return given(setting)?.value ?? null;
  }

  function wholeNumber(setting: Setting, fallback: number, min: number, max: number): number {
    const { name, value } = given(setting) ?? { name: "", value: String(fallback) };
    const number = Number(value);
    if (!/^\d+$/.test(value) || number < min || number > max) {
      problems.push(`${name}=${value} is not a whole number from ${min} to ${max}`);
    }
    return number;
  }

  /** Accepts values from 1 to 86,400, and warns about those outside the recommended range. */
  function seconds(setting: Setting, fallback: number, low: number, high: number): number {
    const number = wholeNumber(setting, fallback, 1, 86_400);
    if (number < low || number > high) {
      warnings.push(`${given(setting)?.name}=${number} is outside the recommended ${low} to ${high} seconds`);
    }
    return number;
  }

  function address(setting: Setting, fallback: string): URL {
    const { name, value } = given(setting) ?? { name: "", value: fallback };
    const url = URL.parse(value);
    if (url === null || !/^https?:$/.test(url.protocol)) {
      problems.push(`${name} is not an http or https address`);
    } else if (holdsCredentials(url)) {
      problems.push(`${name} contains more than an address, perhaps a secret: use AMP_AUTH_TOKEN`);
    }
    return url ?? new URL(fallback);
  }

  function secret(
    setting: Setting,
    fileSetting: Setting,
    clean: (text: string) => string = (text) => text.trim(),
  ): string | null {
    const direct = text(setting);
    const file = given(fileSetting);
    if (file === null) return direct;
    if (direct !== null) {
      problems.push(`${VARIABLES[setting][0]} and ${file.name} are both set`);
    }
    try {
      return clean(readFile(file.value)) || null;
    } catch {
      problems.push(`${file.name} names a file that cannot be read`);
      return null;
    }
  }

  /** Accepts only names that need no quotes: the name goes into statements, hints and settings of other programs. */
  function schemaName(setting: Setting): string | null {
    const set = given(setting);
    if (set !== null && !/^(?!pg_)[a-z_][a-z0-9_]{0,62}$/.test(set.value)) {
      problems.push(`${set.name} is not a name of 1 to 63 lower-case letters, digits and _`);
    }
    return set?.value ?? null;
  }

  function database(): string | null {
    const complete = (url: string) => completeDatabaseUrl(url, "DATABASE_URL", env, readFile, problems);
    const url = secret("databaseUrl", "databaseUrlFile");
    if (url !== null) {
      return complete(url);
    }
    const user = text("databaseUser");
    const name = text("databaseName");
    const password = secret("databasePassword", "databasePasswordFile", withoutLineEnd) ?? "";
    const host = (text("databaseHost") ?? "localhost").replace(/^\[(.*)\]$/, "$1");
    const port = wholeNumber("databasePort", 5432, 1, 65_535);
    if (user === null && name === null) {
      // As libpq does, from its own variables; pg reads the rest of those.
      const isNamed = ["PGSERVICE", "PGDATABASE", "PGHOST"].some((variable) => env[variable]);
      return isNamed ? complete("postgresql:///") : null;
    }
    if (user === null || name === null) {
      problems.push("DATABASE_USER and DATABASE_NAME must be set together");
      return null;
    }
    if (/[?#]/.test(name)) {
      problems.push("DATABASE_NAME contains ? or #, which a connection URL cannot express");
    }
    // Percent-encoded, so that no character of a password ends the password. pg reads the path
    // with decodeURI, which only encodeURI undoes.
    const [u, p, h] = [user, password, host].map(encodeURIComponent);
    return complete(`postgresql://${u}:${p}@${h}:${port}/${encodeURI(name)}`);
  }

  const proxies = ["http_proxy", "https_proxy", "grpc_proxy", "all_proxy"]
    .flatMap((name) => [name, name.toUpperCase()])
    .filter((name) => env[name]);
  if (proxies.length > 0) {
    warnings.push(`${proxies.join(", ")}: not used, connections to the Amp server are direct`);
  }

  const tokenFile = text("tokenFile");
  const tokenText = secret("token", "tokenFile");
  const config: Config = {
    databaseUrl: database(),
    queueSchema: schemaName("queueSchema"),
    flightAddress: address("flightAddress", "http://localhost:1602"),
    adminAddress: text("adminAddress") === "off" ? null : address("adminAddress", "http://localhost:1610"),
    token: () => (tokenFile === null ? tokenText : readFile(tokenFile).trim() || null),
    // One connection is for heartbeats, one for a writer, one for calls beside the writer: at least three.
    poolSize: wholeNumber("poolSize", 10, 3, 1000),
    maxConcurrentBatches: wholeNumber("maxConcurrentBatches", 10, 1, 1000),
    grpcMaxDecodeMb: wholeNumber("grpcMaxDecodeMb", 32, 1, 512),
    connectionLimitSecs: seconds("connectionLimitSecs", 300, 30, 3600),
    operationLimitSecs: seconds("operationLimitSecs", 60, 10, 300),
    logLevel: logLevel(text("logLevel")),
    warnings,
  };

  if (problems.length > 0) {
    throw new AmpsyncError("SY902", `the configuration is wrong: ${problems.join("; ")}`, {
      detail: "Settings are read from the environment.",
      hint: "Correct them and start again; docs/configuration.md lists them all.",
    });
  }
  return Object.freeze(config);
}

/**
 * Errors and logs show addresses. So an address has no user, password, query or fragment, and its path, which a
 * gateway may need, has only short plain words.
 */
function holdsCredentials({ username, password, search, hash, pathname }: URL): boolean {
  const isPlain = pathname.split("/").every((part) => /^[A-Za-z0-9._-]{0,24}$/.test(part));
  const isNamed = /token|secret|passw|api-?_?key|bearer/i.test(pathname);
  return username + password + search + hash !== "" || !isPlain || isNamed;
}

/** Keeps blanks: a password may begin and end with them. */
function withoutLineEnd(text: string): string {
  return text.replace(/\r?\n$/, "");
}

/** Accepts `debug`, and lists such as `info,ampsync=debug`: the level of ampsync counts, otherwise the general one. */
function logLevel(text: string | null): LogLevel {
  const parts = (text ?? "")
    .toLowerCase()
    .split(",")
    .map((part) => part.trim());
  const ours = parts.find((part) => part.startsWith("ampsync="))?.slice("ampsync=".length);
  const wanted = ours ?? parts.find((part) => !part.includes("="));
  return LOG_LEVELS.find((level) => level === wanted) ?? "info";
}

/** The database, for commands that need one. Throws SY902 if none is configured. */
export function requireDatabase(config: Config): string {
  if (config.databaseUrl === null) {
    throw new AmpsyncError("SY902", "no database is configured", {
      detail: "None of DATABASE_URL, DATABASE_NAME, PGHOST, PGDATABASE and PGSERVICE is set.",
      hint: "Set DATABASE_URL=postgresql://user:password@host:5432/database",
    });
  }
  return config.databaseUrl;
}
