import { readFileSync } from "node:fs";

import { databaseUrl, secret } from "./config/database.ts";
import { type DatasetStart, datasetStart, type ManifestStart, manifestStart } from "./config/dataset.ts";
import { type GatewayStart, gatewayStart } from "./config/gateway.ts";
import { type Environment, type Flags, Given } from "./config/given.ts";
import { type HttpSecret, httpSecrets } from "./config/http-secrets.ts";
import { API_KEY, type IngestionStart, ingestionStart, withApiKey } from "./config/ingestion.ts";
import { type Reader, unencrypted, unused, visible } from "./config/notes.ts";
import { SETTINGS, type Setting, type SettingName } from "./config/settings.ts";
import { ampTls, trustSystemRoots } from "./config/tls.ts";
import { AmpsyncError } from "./errors.ts";
import { AllowList } from "./http/allow-list.ts";
import { createLog, type Log } from "./log.ts";
import { addressProblem } from "./model/amp-address.ts";
import { passwordsIn } from "./model/database-url.ts";
import { cleanText } from "./model/foreign-text.ts";
import { LOG_LEVELS, type LogLevels, parseLogLevels } from "./model/log-levels.ts";
import { Secrets } from "./model/secrets.ts";
import type { TlsFiles } from "./model/tls-files.ts";

/** The oldest Node.js that our packages support; the same as `engines` in package.json. */
const OLDEST_NODE = [22, 19] as const;
const SMALLEST_POOL = 3;
/** Of `ampsync ingest`, unless it is told otherwise. */
const INGESTION_POOL = 15;

type NumberSetting = Setting & Required<Pick<Setting, "range">>;
type NumberName = {
  [Name in SettingName]: (typeof SETTINGS)[Name] extends NumberSetting ? Name : never;
}[SettingName];

/** The settings of a process, from its flags and its environment; parsed once, never changed. */
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
  /** Reads the files again on each call, for the same reason. */
  readonly tls: () => TlsFiles;
  /** Streams that a worker takes at once. */
  readonly streamsPerWorker: number;
  /** Connections of the writing pool, one of them reserved for heartbeats. */
  readonly poolSize: number;
  /** Microbatches that may be written at the same time, over all tables of the process. */
  readonly maxConcurrentBatches: number;
  /** Largest message accepted from the Flight server, in MiB. */
  readonly grpcMaxDecodeMb: number;
  /** Where requests of HTTP sources may go, and with which secrets. */
  readonly httpAllow: AllowList;
  /** The value of a secret of HTTP sources; null: this process does not have it. */
  readonly httpSecret: HttpSecret;
  /** Largest page of an HTTP source, in MiB. */
  readonly httpMaxPageMb: number;
  /** How long connecting to the database, and a failing call, are retried before giving up; in seconds. */
  readonly connectionLimitSecs: number;
  readonly operationLimitSecs: number;
  /** How often the list of versions of a dataset is requested, in seconds, if the dataset has no interval of its own. */
  readonly pollIntervalSecs: number;
  /** How often a failed look at the tables of a new version is repeated. */
  readonly reloadRetries: number;
  /** How long a worker that is told to stop may take; in seconds. */
  readonly shutdownLimitSecs: number;
  /** Where monitors ask this process; null if nobody does. */
  readonly healthPort: number | null;
  readonly healthHost: string;
  /** What `ampsync sync` starts; null for every other reader, and if no dataset is named. */
  readonly dataset: DatasetStart | null;
  /** The dataset file that `ampsync sync` starts and follows; null like `dataset`. */
  readonly manifestStart: ManifestStart | null;
  /** What `ampsync ingest` reads; null for every other reader. */
  readonly ingestion: IngestionStart | null;
  /** What `ampsync gateway` does; null for every other reader. */
  readonly gateway: GatewayStart | null;
  readonly logLevels: LogLevels;
  /** Writes a line of the log: to standard error, but for `ampsync ingest`, whose log is its output. */
  readonly writeLog: (line: string) => void;
  /** What no log, no error and no table may show. */
  readonly secrets: Secrets;
  /** Values that are accepted but not recommended; for the log. */
  readonly warnings: readonly string[];
}

/** The configuration of this process. Throws SY902, which names all wrong settings at once. */
export function configFromProcess(reader: Reader, flags: Flags = {}): Config {
  checkNode(process.versions.node);
  const config = parseConfig(process.env, (path) => readFileSync(path, "utf8"), reader, flags);
  // A database whose address names no authority is one of the system's; see AmpServers for the others.
  if (/[?&]sslmode=verify-full\b(?!.*[?&]sslrootcert=)/.test(config.databaseUrl ?? "")) trustSystemRoots();
  return config;
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

/** `ampsync ingest` ends by itself before that, with a last line and a code of its own. */
const INGEST_END_S = 10;

/** Makes the process exit with code 1: when nothing keeps it alive, at the latest after `graceMs`. */
export function failProcess(graceMs: number): void {
  process.exitCode ??= 1;
  setTimeout(() => process.exit(), graceMs).unref();
}

/** Makes the process exit with code 1 after `graceMs`, whatever keeps it alive, and calls `late` before that. */
export function limitShutdown(graceMs: number, late: () => void): void {
  setTimeout(() => {
    late();
    process.exit(1);
  }, graceMs).unref();
}

/** Tells this process from others, for people: its process id. */
export function processId(): number {
  return process.pid;
}

/** Where logs go: standard error, one line each; those of `ampsync ingest` to standard output. */
function writeStderr(line: string): void {
  process.stderr.write(line);
}

function writeStdout(line: string): void {
  process.stdout.write(line);
}

/** The log of a process, without its secrets. */
export function logOf({ logLevels, secrets, writeLog }: Config, write = writeLog): Log {
  return createLog(logLevels, write, (text) => cleanText(secrets.redact(text)));
}

export function parseConfig(
  env: Environment,
  readFile: (path: string) => string,
  reader: Reader = "worker",
  flags: Flags = {},
): Config {
  const problems: string[] = [];
  const warnings: string[] = [];
  const given = new Given(env, flags, problems);

  /** Accepts whole numbers in the range of the setting, and warns about those that are not recommended. */
  function number(name: NumberName): number {
    const { standard, range, recommended = range }: NumberSetting = SETTINGS[name];
    const set = given.value(name);
    if (set === null) return Number(standard);
    const [min, max] = range;
    const value = Number(set.value);
    if (!/^\d+$/.test(set.value) || value < min || value > max) {
      problems.push(`${set.name}=${set.value.slice(0, 100)} is not a whole number from ${min} to ${max}`);
    } else if (value < recommended[0] || value > recommended[1]) {
      warnings.push(`${set.name}=${value} is outside the recommended ${recommended.join(" to ")}`);
    }
    return value;
  }

  function address(name: "flightAddress" | "adminAddress"): URL {
    const { standard } = SETTINGS[name];
    const set = given.value(name);
    const url = URL.parse(set?.value ?? standard);
    const problem = addressProblem(url);
    if (problem === "no address") {
      problems.push(`${set?.name} is not an http or https address`);
    } else if (problem === "more than an address") {
      problems.push(`${set?.name} contains more than an address, perhaps a secret: use AMP_AUTH_TOKEN`);
    }
    return url ?? new URL(standard);
  }

  /** Accepts only names that need no quotes: the name goes into statements, hints and settings of other programs. */
  function schemaName(): string | null {
    const set = given.value("queueSchema");
    if (set !== null && !/^(?!pg_)[a-z_][a-z0-9_]{0,62}$/.test(set.value)) {
      problems.push(`${set.name} is not a name of 1 to 63 lower-case letters, digits and _`);
    }
    return set?.value ?? null;
  }

  function logLevels(): LogLevels {
    const set = given.value("logLevels");
    const { levels, wrong, unknown } = parseLogLevels(set?.value ?? "");
    for (const text of wrong) {
      problems.push(
        `${set?.name}: ${JSON.stringify(text.slice(0, 40))} names none of the levels off, ${LOG_LEVELS.join(", ")}`,
      );
    }
    for (const name of unknown) {
      warnings.push(
        `${set?.name}: no part is called ${JSON.stringify(name.slice(0, 40))}; docs/log.md has a list`,
      );
    }
    return levels;
  }

  /** One connection is for heartbeats, one for a writer, one for calls beside the writer. */
  function poolSize(): number {
    if (reader === "ingest" && given.value("poolSize") === null) return INGESTION_POOL;
    const size = number("poolSize");
    if (size < SMALLEST_POOL && size > 0) {
      warnings.push(
        `${given.value("poolSize")?.name}=${size} is too few: ${SMALLEST_POOL} connections are opened`,
      );
    }
    return Math.max(size, SMALLEST_POOL);
  }

  function allowList(): AllowList {
    const set = given.value("httpAllow");
    const wrong: string[] = [];
    const others = AllowList.parse(set?.value ?? "", wrong);
    const list = ingestion === null ? others : others.with(ingestion.origin, API_KEY);
    problems.push(...wrong.map((problem) => `${set?.name}: ${problem}`));
    warnings.push(...list.plainHosts.map((host) => `${host}: secrets are sent unencrypted; use https`));
    return list;
  }

  const token = secret(given, "token", "tokenFile", readFile, problems);
  const url = databaseUrl(given, number("databasePort"), env, readFile, problems, warnings);
  const secrets = new Secrets();
  secrets.keep("[token]", [token.text]);
  secrets.keep("[password]", passwordsIn(url, env));
  const ingestion = reader === "ingest" ? ingestionStart(given, number, readFile, problems) : null;
  if (ingestion !== null && url === null) problems.push("DATABASE_URL is not set");
  const secretOf = httpSecrets(env, readFile, secrets, problems);
  const config: Config = {
    databaseUrl: url,
    queueSchema: schemaName(),
    flightAddress: address("flightAddress"),
    adminAddress: given.text("adminAddress") === "off" ? null : address("adminAddress"),
    token: secrets.watch(() => (token.file === null ? token.text : readFile(token.file).trim() || null)),
    tls: ampTls(given, readFile, problems, warnings),
    poolSize: poolSize(),
    streamsPerWorker: number("streamsPerWorker"),
    maxConcurrentBatches: number("maxConcurrentBatches"),
    grpcMaxDecodeMb: number("grpcMaxDecodeMb"),
    httpAllow: allowList(),
    httpSecret: ingestion === null ? secretOf : withApiKey(secretOf, ingestion.key, readFile, secrets),
    httpMaxPageMb: number("httpMaxPageMb"),
    connectionLimitSecs: number("connectionLimitSecs"),
    operationLimitSecs: number("operationLimitSecs"),
    pollIntervalSecs: number("pollIntervalSecs"),
    reloadRetries: number("reloadRetries"),
    shutdownLimitSecs: Math.max(number("shutdownLimitSecs"), reader === "ingest" ? INGEST_END_S : 0),
    healthPort: given.value("healthPort") === null ? null : number("healthPort"),
    healthHost: given.text("healthHost") ?? SETTINGS.healthHost.standard,
    dataset: reader === "sync" ? datasetStart(given, number, problems) : null,
    manifestStart: reader === "sync" ? manifestStart(given, number, problems) : null,
    ingestion,
    gateway: reader === "gateway" ? gatewayStart(given, number, readFile, secrets, problems) : null,
    logLevels: logLevels(),
    writeLog: reader === "ingest" ? writeStdout : writeStderr,
    secrets,
    warnings,
  };
  warnings.push(...unused(env, flags, given, reader), ...visible(flags));
  if (reader !== "command" && token.text !== null) {
    warnings.push(...unencrypted([config.flightAddress, config.adminAddress]));
  }

  if (problems.length > 0) {
    throw new AmpsyncError("SY902", `the configuration is wrong: ${problems.join("; ")}`, {
      detail: "Settings are read from flags and from the environment.",
      hint: "Correct them and start again; docs/configuration.md lists them all.",
    });
  }
  return Object.freeze(config);
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
