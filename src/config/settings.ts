/**
 * Which commands use a setting: all that open the database; those that run jobs; the one that starts a dataset; the one
 * that reads an HTTP API into a table; gateways.
 */
export type Scope = "database" | "worker" | "dataset" | "ingestion" | "gateway";

export interface Setting {
  /** Its environment variables: the documented one, then names of programs that came before this one. */
  readonly names: readonly [string, ...string[]];
  readonly scope: Scope;
  /** Further flags, without dashes: each variable is a flag in kebab case anyway. */
  readonly flags?: readonly string[];
  readonly short?: string;
  /** A value on a command line is seen by everybody on the machine. */
  readonly isSecret?: true;
  readonly standard?: string;
  /** The numbers that are accepted. */
  readonly range?: readonly [number, number];
  /** The numbers beyond which the log warns. */
  readonly recommended?: readonly [number, number];
  /** What is accepted, where it is no number. */
  readonly accepts?: string;
  readonly about: string;
}

const LARGEST_INTEGER = 2_147_483_647;

/** The one list of settings: it drives parsing, flags, help and docs/configuration.md. */
export const SETTINGS = {
  databaseUrl: {
    names: ["DATABASE_URL"],
    scope: "database",
    accepts: "a PostgreSQL URL",
    about: "the database, whatever the parts below say",
  },
  databaseUrlFile: {
    names: ["DATABASE_URL_FILE"],
    scope: "database",
    accepts: "a file",
    about: "holds the URL instead",
  },
  databaseUser: {
    names: ["DATABASE_USER"],
    scope: "database",
    short: "u",
    about: "user; needed together with DATABASE_NAME",
  },
  databaseName: {
    names: ["DATABASE_NAME"],
    scope: "database",
    about: "name of the database",
  },
  databasePassword: {
    names: ["DATABASE_PASSWORD"],
    scope: "database",
    short: "p",
    isSecret: true,
    about: "password, as it is: nothing needs encoding",
  },
  databasePasswordFile: {
    names: ["DATABASE_PASSWORD_FILE"],
    scope: "database",
    accepts: "a file",
    about: "holds the password instead",
  },
  databaseHost: {
    names: ["DATABASE_HOST"],
    scope: "database",
    short: "h",
    standard: "localhost",
    about: "host",
  },
  databasePort: {
    names: ["DATABASE_PORT"],
    scope: "database",
    standard: "5432",
    range: [1, 65_535],
    about: "port",
  },
  queueSchema: {
    names: ["GRAPHILE_WORKER_SCHEMA"],
    scope: "database",
    accepts: "a lower-case name",
    about: "schema of the queue; without it graphile_worker, or the one that `migrate` recorded",
  },
  connectionLimitSecs: {
    names: ["DB_MAX_RETRY_DURATION_SECS"],
    scope: "database",
    standard: "300",
    range: [1, 86_400],
    recommended: [30, 3600],
    about:
      "how many seconds a database that refuses connections is tried before the trouble is reported, and a start is given up",
  },
  logLevels: {
    names: ["AMP_LOG", "RUST_LOG", "NOZZLE_LOG"],
    scope: "database",
    standard: "info",
    accepts: "off, error, warn, info, debug, trace, or a list",
    about:
      "what is logged; a list has levels for parts of the program: `info,ampsync::stream=debug` ([log.md](log.md))",
  },
  flightAddress: {
    names: ["AMP_FLIGHT_ADDR", "NOZZLE_ENDPOINT"],
    scope: "worker",
    standard: "http://localhost:1602",
    accepts: "http or https",
    about:
      "Arrow Flight address of the Amp server; a dataset's own `flight_addr` (`ampsync.set_source`) wins",
  },
  adminAddress: {
    names: ["AMP_ADMIN_API_ADDR"],
    scope: "worker",
    standard: "http://localhost:1610",
    accepts: "http, https, or `off`",
    about:
      "its Admin API; with `off`, name version and tables of each dataset; a dataset's own `admin_addr` (`ampsync.set_source`) wins",
  },
  token: {
    names: ["AMP_AUTH_TOKEN"],
    scope: "worker",
    flags: ["auth-token"],
    isSecret: true,
    about: "bearer token for both, and for no other host",
  },
  tokenFile: {
    names: ["AMP_AUTH_TOKEN_FILE"],
    scope: "worker",
    accepts: "a file",
    about: "holds the token instead; read again for each call",
  },
  ampTlsCaFile: {
    names: ["AMP_TLS_CA_FILE"],
    scope: "worker",
    accepts: "a PEM file",
    about:
      "certificates of the authorities that vouch for Amp servers, instead of the system's; read again for each connection",
  },
  ampTlsCertFile: {
    names: ["AMP_TLS_CERT_FILE"],
    scope: "worker",
    accepts: "a PEM file",
    about:
      "client certificate for the hosts of AMP_FLIGHT_ADDR and AMP_ADMIN_API_ADDR, and no other; needs AMP_TLS_KEY_FILE; read again for each connection",
  },
  ampTlsKeyFile: {
    names: ["AMP_TLS_KEY_FILE"],
    scope: "worker",
    accepts: "a PEM file",
    about: "its key, without a passphrase",
  },
  streamsPerWorker: {
    names: ["AMPSYNC_STREAMS_PER_WORKER"],
    scope: "worker",
    flags: ["streams-per-worker"],
    standard: "200",
    range: [1, 1000],
    about:
      "streams that a worker takes at once; they share its database connections, and one that waits costs little memory",
  },
  poolSize: {
    names: ["DB_POOL_SIZE", "MAX_DB_CONNECTIONS"],
    scope: "worker",
    standard: "10",
    range: [1, 1000],
    about:
      "connections of a worker, besides graphile-worker's own 10 and one while it builds an index; never fewer than 3; without it 15 for `ampsync ingest`",
  },
  maxConcurrentBatches: {
    names: ["MAX_CONCURRENT_BATCHES"],
    scope: "worker",
    flags: ["stream-max-concurrent-batches"],
    standard: "10",
    range: [1, 1000],
    recommended: [1, 100],
    about: "transactions of a worker that write at once; never more than the pool size − 2",
  },
  grpcMaxDecodeMb: {
    names: ["AMPSYNC_GRPC_MAX_DECODE_MB"],
    scope: "worker",
    flags: ["grpc-max-decode-mb"],
    standard: "32",
    range: [1, 512],
    about: "largest message accepted, in MiB",
  },
  httpAllow: {
    names: ["AMPSYNC_HTTP_ALLOW"],
    scope: "worker",
    accepts: "hosts with commas between them",
    about:
      "where requests of HTTP sources may go: `host[:port][=SECRET[+SECRET]]`, with `*.` for sub-domains, with `http://` before it for plain http; a secret goes to hosts that name it alone",
  },
  httpMaxPageMb: {
    names: ["AMPSYNC_HTTP_MAX_PAGE_MB"],
    scope: "worker",
    standard: "16",
    range: [1, 256],
    about: "largest page of an HTTP source, in MiB, compressed and decompressed",
  },
  operationLimitSecs: {
    names: ["DB_OPERATION_MAX_RETRY_DURATION_SECS"],
    scope: "worker",
    standard: "60",
    range: [1, 86_400],
    recommended: [10, 300],
    about: "how many seconds a failing call is repeated before its pass ends with the error",
  },
  pollIntervalSecs: {
    names: ["VERSION_POLL_INTERVAL_SECS"],
    scope: "worker",
    flags: ["version-polling-interval-secs"],
    standard: "5",
    range: [1, 3600],
    about:
      "how often, in seconds, a dataset that follows a tag is looked at for a new version; its own `poll_interval` wins",
  },
  reloadRetries: {
    names: ["HOT_RELOAD_MAX_RETRIES"],
    scope: "worker",
    standard: "3",
    range: [0, 100],
    about:
      "how often a failed look at the tables of a new version is repeated before the next poll, and a failed attempt to take a changed dataset file",
  },
  shutdownLimitSecs: {
    names: ["AMPSYNC_SHUTDOWN_TIMEOUT_SECS"],
    scope: "worker",
    standard: "30",
    range: [1, 300],
    about:
      "how many seconds a worker that is told to stop may take; then it ends with exit code 1. `ampsync ingest` ends within 10 s with its last line, so it takes a smaller number for 10",
  },
  healthPort: {
    names: ["HEALTH_PORT"],
    scope: "worker",
    range: [1, 65_535],
    about:
      "port of `/healthz`, `/readyz` and `/metrics`; without it there are none. It takes up to two connections to the database while it is asked",
  },
  healthHost: {
    names: ["HEALTH_HOST"],
    scope: "worker",
    standard: "127.0.0.1",
    accepts: "an address or a name of this machine",
    about: "where that port is opened; `0.0.0.0` for all addresses, as the image sets it",
  },
  dataset: {
    names: ["DATASET", "DATASET_NAME", "AMP_DATASET_NAME"],
    scope: "dataset",
    short: "d",
    accepts: "[namespace/]name[@revision]",
    about: "the dataset to start",
  },
  namespace: {
    names: ["DATASET_NAMESPACE", "AMP_DATASET_NAMESPACE"],
    scope: "dataset",
    accepts: "a lower-case name",
    about: "its namespace, where DATASET names none",
  },
  version: {
    names: ["DATASET_VERSION", "AMP_DATASET_VERSION"],
    scope: "dataset",
    accepts: "a version, a hash, `latest`, `dev`",
    about: "its revision, where DATASET names none; without one the newest version is followed",
  },
  tables: {
    names: ["TABLES"],
    scope: "dataset",
    short: "t",
    accepts: "names with commas between them",
    about: "which of its tables; without it all",
  },
  datasetManifest: {
    names: ["DATASET_MANIFEST"],
    scope: "dataset",
    accepts: "a file: .ts, .mts, .js, .mjs, .json",
    about: "says which tables to sync from which queries, instead of DATASET; followed when it changes",
  },
  retentionBlocks: {
    names: ["RETENTION_BLOCKS"],
    scope: "dataset",
    standard: "128",
    range: [64, LARGEST_INTEGER],
    about: "how deep a reorg can be undone exactly, in blocks",
  },
  apiBaseUrl: {
    names: ["API_BASE_URL"],
    scope: "ingestion",
    accepts: "http or https",
    about: "the API, without the endpoint; required. Requests may go there, whatever AMPSYNC_HTTP_ALLOW says",
  },
  apiEndpoint: {
    names: ["API_ENDPOINT"],
    scope: "ingestion",
    standard: "/events",
    accepts: "a path",
    about: "where its records are, below API_BASE_URL",
  },
  apiKey: {
    names: ["API_KEY"],
    scope: "ingestion",
    isSecret: true,
    about:
      "its key, the secret `API_KEY` of the definition, for that address and no other; required, unless API_SOURCE_FILE has an `auth`",
  },
  apiKeyFile: {
    names: ["API_KEY_FILE"],
    scope: "ingestion",
    accepts: "a file",
    about: "holds the key instead; read again for each request",
  },
  apiPageLimit: {
    names: ["API_PAGE_LIMIT"],
    scope: "ingestion",
    standard: "1000",
    range: [1, 1_000_000],
    about: "how many records a page is asked for (`limit`)",
  },
  apiRateLimit: {
    names: ["API_RATE_LIMIT_PER_MINUTE"],
    scope: "ingestion",
    standard: "100",
    range: [1, 1_000_000],
    about: "how many requests a minute the API allows, until it tells itself",
  },
  apiCursorTtl: {
    names: ["API_CURSOR_TTL_MINUTES"],
    scope: "ingestion",
    standard: "10",
    range: [1, 525_600],
    about: "how many minutes a cursor of the API lives",
  },
  apiSourceFile: {
    names: ["API_SOURCE_FILE"],
    scope: "ingestion",
    accepts: "a JSON file",
    about: "members of the definition to be used instead of those above ([http.md](http.md#the-definition))",
  },
  gatewayPort: {
    names: ["AMPSYNC_GATEWAY_PORT"],
    scope: "gateway",
    standard: "8080",
    range: [0, 65_535],
    about: "port for clients and monitors; 0: one that is free, which the log names",
  },
  gatewayHost: {
    names: ["AMPSYNC_GATEWAY_HOST"],
    scope: "gateway",
    standard: "127.0.0.1",
    accepts: "an address or a name of this machine",
    about: "where that port is opened; `0.0.0.0` for all addresses",
  },
  gatewayAddress: {
    names: ["AMPSYNC_GATEWAY_ADDRESS"],
    scope: "gateway",
    accepts: "http, https, ws or wss",
    about:
      "where clients reach it, as `ampsync.gateways` shows it; clients of a tenant that other gateways do not take are sent there",
  },
  gatewayMaxClients: {
    names: ["AMPSYNC_GATEWAY_MAX_CLIENTS"],
    scope: "gateway",
    standard: "5000",
    range: [1, 1_000_000],
    about: "clients of a gateway at once; the next one is told to come again later",
  },
  gatewayPool: {
    names: ["AMPSYNC_GATEWAY_POOL"],
    scope: "gateway",
    standard: "6",
    range: [2, 100],
    about: "connections for clients that arrive, load or catch up, besides three of the gateway's own",
  },
  allowedOrigins: {
    names: ["AMPSYNC_ALLOWED_ORIGINS"],
    scope: "gateway",
    accepts: "origins with commas between them",
    about:
      "whose pages may connect, such as `https://app.example`; without it no browser may. Programs that are no browsers need none",
  },
  auth: {
    names: ["AMPSYNC_AUTH"],
    scope: "gateway",
    accepts: "`none`",
    about: "`none`: whoever comes is believed, whatever the token says. For demos",
  },
  jwtSecret: {
    names: ["AMPSYNC_JWT_SECRET"],
    scope: "gateway",
    isSecret: true,
    about: "what tokens are signed with (HS256), at least 32 bytes",
  },
  jwtSecretFile: {
    names: ["AMPSYNC_JWT_SECRET_FILE"],
    scope: "gateway",
    accepts: "a file",
    about:
      "holds the secret instead; read again for each token. One that is too short, or cannot be read, is not taken: the last good one holds, and the log warns",
  },
  jwksUrl: {
    names: ["AMPSYNC_JWKS_URL"],
    scope: "gateway",
    accepts: "http or https",
    about: "the public keys of tokens (RS256, ES256, EdDSA), fetched again when a token names an unknown one",
  },
  jwtIssuer: {
    names: ["AMPSYNC_JWT_ISSUER"],
    scope: "gateway",
    accepts: "a text",
    about: "what `iss` of a token must be",
  },
  jwtAudience: {
    names: ["AMPSYNC_JWT_AUDIENCE"],
    scope: "gateway",
    accepts: "a text",
    about: "what `aud` of a token must be, or hold",
  },
  tenantClaim: {
    names: ["AMPSYNC_TENANT_CLAIM"],
    scope: "gateway",
    standard: "tenant",
    accepts: "a name",
    about: "the claim of a token that names its tenant",
  },
  gatewayTenants: {
    names: ["AMPSYNC_GATEWAY_TENANTS"],
    scope: "gateway",
    accepts: "names with commas between them",
    about: "the only tenants whose clients this gateway takes; without it all",
  },
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof SETTINGS;

/** Variables of programs that came before this one, which mean nothing here: each is ignored with a warning. */
export const IGNORED: readonly string[] = [
  "AMP_LOG_SPAN_EVENT",
  "MANIFEST_FETCH_MAX_RETRIES",
  "MANIFEST_FETCH_MAX_BACKOFF_SECS",
];

/** A variable as a flag, without dashes. */
export function flagOf(variable: string): string {
  return variable.toLowerCase().replaceAll("_", "-");
}

/** All flags of a setting, without dashes. */
export function flagsOf({ names, flags = [] }: Setting): readonly string[] {
  return [...names.map(flagOf), ...flags];
}
