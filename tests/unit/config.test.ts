import { readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";
import type { Reader } from "../../src/config/notes.ts";
import { IGNORED, SETTINGS } from "../../src/config/settings.ts";
import { type Config, checkNode, parseConfig, requireDatabase } from "../../src/config.ts";
import { AmpsyncError } from "../../src/errors.ts";

type Environment = Record<string, string | undefined>;

function parse(env: Environment, files: Record<string, string> = {}, reader: Reader = "worker"): Config {
  const read = (path: string) => {
    const text = files[path];
    if (text === undefined) {
      throw new Error(`ENOENT ${path}`);
    }
    return text;
  };
  return parseConfig(env, read, reader);
}

/** The problems of an environment, one by one. */
function problemsOf(env: Environment, files: Record<string, string> = {}): string[] {
  try {
    parse(env, files);
  } catch (error) {
    if (error instanceof AmpsyncError && error.code === "SY902") {
      return error.message.replace("the configuration is wrong: ", "").split("; ");
    }
    throw error;
  }
  return [];
}

describe("settings", () => {
  test("have the documented defaults in an empty environment", () => {
    const { token, tls, secrets, httpAllow, httpSecret, writeLog, ...values } = parse({});
    expect(values).toEqual({
      databaseUrl: null,
      queueSchema: null,
      flightAddress: new URL("http://localhost:1602"),
      adminAddress: new URL("http://localhost:1610"),
      streamsPerWorker: 200,
      poolSize: 10,
      maxConcurrentBatches: 10,
      grpcMaxDecodeMb: 32,
      httpMaxPageMb: 16,
      connectionLimitSecs: 300,
      operationLimitSecs: 60,
      pollIntervalSecs: 5,
      reloadRetries: 3,
      shutdownLimitSecs: 30,
      healthPort: null,
      healthHost: "127.0.0.1",
      dataset: null,
      manifestStart: null,
      ingestion: null,
      gateway: null,
      logLevels: { rest: "info", parts: new Map() },
      warnings: [],
    });
    expect(token()).toBeNull();
    expect(tls()).toEqual({ ca: null, identity: null });
    expect(httpAllow.refuses(new URL("https://api.example/"))).toMatchObject({ code: "SY305" });
    expect(httpSecret("API_KEY")).toBeNull();
  });

  test("that are empty strings count as not set", () => {
    const empty = Object.fromEntries(
      Object.values(SETTINGS)
        .flatMap(({ names }) => names)
        .map((name) => [name, ""]),
    );
    const functions = { token: null, tls: null, httpSecret: null };
    expect({ ...parse(empty), ...functions }).toEqual({ ...parse({}), ...functions });
  });

  test("cannot be changed once they are read", () => {
    expect(Object.isFrozen(parse({}))).toBe(true);
  });

  test.each([
    ["flightAddress", "AMP_FLIGHT_ADDR", "https://amp.example:1602", new URL("https://amp.example:1602")],
    ["flightAddress", "NOZZLE_ENDPOINT", "http://old:1602", new URL("http://old:1602")],
    ["adminAddress", "AMP_ADMIN_API_ADDR", "http://amp:1610", new URL("http://amp:1610")],
    ["adminAddress", "AMP_ADMIN_API_ADDR", "off", null],
    ["poolSize", "DB_POOL_SIZE", "3", 3],
    ["poolSize", "MAX_DB_CONNECTIONS", "1000", 1000],
    ["reloadRetries", "HOT_RELOAD_MAX_RETRIES", "0", 0],
    ["reloadRetries", "HOT_RELOAD_MAX_RETRIES", "100", 100],
    ["shutdownLimitSecs", "AMPSYNC_SHUTDOWN_TIMEOUT_SECS", "1", 1],
    ["shutdownLimitSecs", "AMPSYNC_SHUTDOWN_TIMEOUT_SECS", "300", 300],
    ["maxConcurrentBatches", "MAX_CONCURRENT_BATCHES", "1", 1],
    ["streamsPerWorker", "AMPSYNC_STREAMS_PER_WORKER", "1000", 1000],
    ["grpcMaxDecodeMb", "AMPSYNC_GRPC_MAX_DECODE_MB", "512", 512],
    ["connectionLimitSecs", "DB_MAX_RETRY_DURATION_SECS", "30", 30],
    ["operationLimitSecs", "DB_OPERATION_MAX_RETRY_DURATION_SECS", "300", 300],
  ] as const)("%s is read from %s=%s", (setting, name, text, value) => {
    expect(parse({ [name]: text })[setting]).toEqual(value);
  });

  test.each([
    ["DB_POOL_SIZE", "0", "1 to 1000"],
    ["DB_POOL_SIZE", "1001", "1 to 1000"],
    ["MAX_DB_CONNECTIONS", "many", "1 to 1000"],
    ["HOT_RELOAD_MAX_RETRIES", "101", "0 to 100"],
    ["HOT_RELOAD_MAX_RETRIES", "-1", "0 to 100"],
    ["AMPSYNC_SHUTDOWN_TIMEOUT_SECS", "0", "1 to 300"],
    ["AMPSYNC_SHUTDOWN_TIMEOUT_SECS", "301", "1 to 300"],
    ["MAX_CONCURRENT_BATCHES", "0", "1 to 1000"],
    ["MAX_CONCURRENT_BATCHES", "0x10", "1 to 1000"],
    ["MAX_CONCURRENT_BATCHES", "1.5", "1 to 1000"],
    ["AMPSYNC_GRPC_MAX_DECODE_MB", "513", "1 to 512"],
    ["DB_MAX_RETRY_DURATION_SECS", "0", "1 to 86400"],
    ["DB_OPERATION_MAX_RETRY_DURATION_SECS", "1 min", "1 to 86400"],
  ])("%s=%s is out of range", (name, value, range) => {
    expect(problemsOf({ [name]: value })).toEqual([`${name}=${value} is not a whole number from ${range}`]);
  });

  test.each(["amp.example:1602", "ftp://amp.example", "localhost"])("%s is no server address", (value) => {
    expect(problemsOf({ AMP_FLIGHT_ADDR: value, AMP_ADMIN_API_ADDR: value })).toEqual([
      "AMP_FLIGHT_ADDR is not an http or https address",
      "AMP_ADMIN_API_ADDR is not an http or https address",
    ]);
  });

  test.each([
    "http://user:hunter2@amp.example:1602",
    "http://hunter2@amp.example:1602",
    "http://amp.example/?token=hunter2",
    "http://amp.example/#hunter2",
    "http://amp.example/token/hunter2",
    "http://amp.example/user:hunter2/",
    "http://amp.example/eyJhbGciOiJIUzI1NiIsInR5cCI6hunter2",
  ])("%s may hold a secret, and is refused without showing it", (value) => {
    const problems = problemsOf({ AMP_FLIGHT_ADDR: value, AMP_ADMIN_API_ADDR: value });
    expect(problems).toEqual([
      "AMP_FLIGHT_ADDR contains more than an address, perhaps a secret: use AMP_AUTH_TOKEN",
      "AMP_ADMIN_API_ADDR contains more than an address, perhaps a secret: use AMP_AUTH_TOKEN",
    ]);
  });

  test("for proxies are not used, by neither client, and that is said", () => {
    expect(parse({ HTTPS_PROXY: "http://user:hunter2@proxy" }).warnings).toEqual([
      "HTTPS_PROXY: not used, connections to the Amp server are direct",
    ]);
  });

  test("for fewer than three connections open three, and that is said", () => {
    for (const few of ["1", "2"]) {
      const { poolSize, warnings } = parse({ DB_POOL_SIZE: few });
      expect({ poolSize, warnings }).toEqual({
        poolSize: 3,
        warnings: [`DB_POOL_SIZE=${few} is too few: 3 connections are opened`],
      });
    }
  });

  test("that mean nothing here are ignored with one warning", () => {
    const env = Object.fromEntries(IGNORED.map((name) => [name, "full"]));
    const warnings = [
      "AMP_LOG_SPAN_EVENT, MANIFEST_FETCH_MAX_RETRIES, MANIFEST_FETCH_MAX_BACKOFF_SECS: means nothing to ampsync",
    ];
    expect(parse(env).warnings).toEqual(warnings);
    expect(parse(env, {}, "sync").warnings).toEqual(warnings);
    expect(parse(env, {}, "command").warnings).toEqual([]);
    expect(parse(env, {}, "library").warnings).toEqual([]);
  });

  test("open a port for monitors only where they say so, and on this machine alone", () => {
    expect(parse({})).toMatchObject({ healthPort: null, healthHost: "127.0.0.1" });
    expect(parse({ HEALTH_PORT: "8080", HEALTH_HOST: "0.0.0.0" })).toMatchObject({
      healthPort: 8080,
      healthHost: "0.0.0.0",
    });
    expect(problemsOf({ HEALTH_PORT: "http" })).toEqual([
      "HEALTH_PORT=http is not a whole number from 1 to 65535",
    ]);
  });

  test.each(["http://[::1]:1610", "https://amp.example/gateway/amp-1"])("%s is an address", (value) => {
    expect(parse({ AMP_ADMIN_API_ADDR: value }).adminAddress).toEqual(new URL(value));
  });

  test("may be given under two names only if the values are the same", () => {
    expect(parse({ DB_POOL_SIZE: "7", MAX_DB_CONNECTIONS: "7" }).poolSize).toBe(7);
    expect(problemsOf({ DB_POOL_SIZE: "7", MAX_DB_CONNECTIONS: "8" })).toEqual([
      "DB_POOL_SIZE and MAX_DB_CONNECTIONS have different values",
    ]);
    expect(problemsOf({ AMP_FLIGHT_ADDR: "http://a", NOZZLE_ENDPOINT: "http://b" })).toEqual([
      "AMP_FLIGHT_ADDR and NOZZLE_ENDPOINT have different values",
    ]);
  });

  test("that are wrong are all reported in one error, without any secret", () => {
    const problems = problemsOf({
      DATABASE_URL: "mysql://me:hunter2@db/sync",
      AMP_AUTH_TOKEN: "hunter3",
      AMP_AUTH_TOKEN_FILE: "/run/secrets/token",
      AMP_FLIGHT_ADDR: "nowhere",
      DB_POOL_SIZE: "0",
      DATABASE_PORT: "0",
      AMPSYNC_GRPC_MAX_DECODE_MB: "big",
    });
    expect(problems).toHaveLength(7);
    expect(problems.join()).not.toContain("hunter");
  });
});

describe("time limits of connecting and of statements", () => {
  test.each([
    ["DB_MAX_RETRY_DURATION_SECS", "connectionLimitSecs", 300],
    ["DB_OPERATION_MAX_RETRY_DURATION_SECS", "operationLimitSecs", 60],
  ] as const)(
    "circuit_breaker_defaults: %s, %s, is %i in an empty environment",
    (_name, setting, seconds) => {
      expect(parse({})[setting]).toBe(seconds);
    },
  );
});

describe("log levels", () => {
  test.each([
    [{ AMP_LOG: "debug" }, { rest: "debug", parts: new Map() }],
    [{ NOZZLE_LOG: "trace" }, { rest: "trace", parts: new Map() }],
    [
      { AMP_LOG: "warn,ampsync=off", RUST_LOG: "debug", NOZZLE_LOG: "trace" },
      { rest: "warn", parts: new Map([["ampsync", "off"]]) },
    ],
    [
      { AMP_LOG: "", RUST_LOG: "debug" },
      { rest: "debug", parts: new Map() },
    ],
  ] as const)("%j: the first name that is set counts", (env, levels) => {
    expect(parse(env).logLevels).toEqual(levels);
  });

  test("that do not exist are refused", () => {
    expect(problemsOf({ AMP_LOG: "info,loud,h2=verbose" })).toEqual([
      'AMP_LOG: "loud" names none of the levels off, error, warn, info, debug, trace',
      'AMP_LOG: "h2=verbose" names none of the levels off, error, warn, info, debug, trace',
    ]);
  });

  test("of parts that do not exist are taken with a warning: another program may have them", () => {
    const { warnings, logLevels } = parse({ RUST_LOG: "info,ampsync::engine=debug,h2=off" });
    expect(logLevels.rest).toBe("info");
    expect(warnings).toEqual(['RUST_LOG: no part is called "ampsync::engine"; docs/log.md has a list']);
  });
});

describe("secrets", () => {
  const PASSWORD = "p@ss/w%rd'\"\n&";

  test.each([
    ["of a URL", { DATABASE_URL: `postgresql://me:${encodeURIComponent(PASSWORD)}@db/sync` }],
    ["of a parameter", { DATABASE_URL: `postgresql://db/sync?password=${encodeURIComponent(PASSWORD)}` }],
    ["in parts", { DATABASE_USER: "me", DATABASE_NAME: "sync", DATABASE_PASSWORD: PASSWORD }],
    ["of PostgreSQL's own variable", { DATABASE_URL: "postgresql://me@db/sync", PGPASSWORD: PASSWORD }],
    ["that is the token", { AMP_AUTH_TOKEN: PASSWORD }],
  ])("are known: a password %s", (_, env) => {
    expect(parse(env).secrets.redact(`<${PASSWORD}>`)).toMatch(/^<\[(password|token)\]>$/);
  });

  test("from files are known", () => {
    const files = { "/run/password": `${PASSWORD}\n`, "/run/token": "to-ken-123\n" };
    const { secrets, token } = parse(
      {
        ...{ DATABASE_USER: "me", DATABASE_NAME: "sync" },
        ...{ DATABASE_PASSWORD_FILE: "/run/password", AMP_AUTH_TOKEN_FILE: "/run/token" },
      },
      files,
    );
    const first = token();
    files["/run/token"] = "to-ken-456\n"; // Rotated.
    token();
    expect(secrets.redact(`${PASSWORD} ${first} to-ken-456`)).toBe("[password] [token] [token]");
  });

  test("are no names: a password that is one takes it away from nobody", () => {
    const { secrets } = parse({ DATABASE_URL: "postgresql://postgres:postgres@db/sync" });
    expect(secrets.redact('role "postgres" of postgresql://postgres:postgres@db/sync')).toBe(
      'role "postgres" of postgresql://postgres:[password]@db/sync',
    );
    const ampsync = parse({ DATABASE_URL: "postgresql://me:ampsync@db/sync" }).secrets;
    expect(ampsync.redact("select * from ampsync.streams;")).toBe("select * from ampsync.streams;");
  });
});

describe("token", () => {
  test("is read from its variable, or again from its file with each call", () => {
    expect(parse({ AMP_AUTH_TOKEN: "abc" }).token()).toBe("abc");

    const files = { "/token": "first\n" };
    const { token } = parse({ AMP_AUTH_TOKEN_FILE: "/token" }, files);
    expect(token()).toBe("first");
    files["/token"] = "second\n";
    expect(token()).toBe("second");
    files["/token"] = "\n";
    expect(token()).toBeNull();
  });

  test("that goes over a network unencrypted is sent with a warning", () => {
    const far = { AMP_FLIGHT_ADDR: "http://amp:1602", AMP_ADMIN_API_ADDR: "https://amp:1610" };
    const warnings = ["http://amp:1602: the token is sent unencrypted; use https"];
    expect(parse({ ...far, AMP_AUTH_TOKEN: "abc" }).warnings).toEqual(warnings);
    expect(parse({ ...far, AMP_AUTH_TOKEN_FILE: "/token" }, { "/token": "abc" }).warnings).toEqual(warnings);
    expect(parse(far).warnings).toEqual([]);
    for (const near of ["http://localhost:1602", "http://127.0.0.1:1602", "http://[::1]:1602"]) {
      expect(parse({ AMP_FLIGHT_ADDR: near, AMP_AUTH_TOKEN: "abc" }).warnings).toEqual([]);
    }
  });

  test("has one place only", () => {
    expect(problemsOf({ AMP_AUTH_TOKEN: "abc", AMP_AUTH_TOKEN_FILE: "/token" }, { "/token": "abc" })).toEqual(
      ["AMP_AUTH_TOKEN and AMP_AUTH_TOKEN_FILE are both set"],
    );
  });
});

test.each(["DATABASE_URL_FILE", "DATABASE_PASSWORD_FILE", "AMP_AUTH_TOKEN_FILE"])(
  "a file of %s that cannot be read is named by its variable",
  (name) => {
    expect(problemsOf({ [name]: "/missing" })).toEqual([`${name} names a file that cannot be read`]);
  },
);

describe("secrets of HTTP sources", () => {
  test("have names, and are read from variables or, again each time, from files", () => {
    const files: Record<string, string> = { "/key": "first\n" };
    const env = { AMPSYNC_SECRET_API_KEY_FILE: "/key", AMPSYNC_SECRET_OTHER: " o t " };
    const { httpSecret, secrets } = parse(env, files);
    expect([httpSecret("API_KEY"), httpSecret("OTHER"), httpSecret("UNKNOWN")]).toEqual([
      "first",
      "o t",
      null,
    ]);
    files["/key"] = "second";
    expect(httpSecret("API_KEY")).toBe("second");
    expect(secrets.redact("first second, o t")).toBe("[secret] [secret], [secret]");
    delete files["/key"];
    expect(httpSecret("API_KEY")).toBeNull();
  });

  test("cannot be settings of ours", () => {
    const { httpSecret } = parse({ DATABASE_PASSWORD: "x", AMP_AUTH_TOKEN: "y" });
    expect([httpSecret("DATABASE_PASSWORD"), httpSecret("AMP_AUTH_TOKEN")]).toEqual([null, null]);
  });

  test("are told apart by their names, and have one place each", () => {
    const files = { "/key": "k" };
    expect(problemsOf({ AMPSYNC_SECRET_A: "a", AMPSYNC_SECRET_A_FILE: "/key" }, files)).toEqual([
      "AMPSYNC_SECRET_A and AMPSYNC_SECRET_A_FILE are both set",
    ]);
    expect(problemsOf({ AMPSYNC_SECRET_lower: "secret" })).toEqual([
      "AMPSYNC_SECRET_lower does not name a secret: capital letters, digits and _ after AMPSYNC_SECRET_",
    ]);
    expect(problemsOf({ AMPSYNC_SECRET_A_FILE: "/missing" })).toEqual([
      "AMPSYNC_SECRET_A_FILE names a file that cannot be read",
    ]);
  });
});

describe("the list of hosts of HTTP sources", () => {
  test("is refused where it has something else", () => {
    expect(problemsOf({ AMPSYNC_HTTP_ALLOW: "a.example, b.example/path" })).toEqual([
      'AMPSYNC_HTTP_ALLOW: "b.example/path" is no host with its secrets',
    ]);
  });

  test("warns of a secret that goes over a network unencrypted", () => {
    const warnings = ["a.example: secrets are sent unencrypted; use https"];
    expect(parse({ AMPSYNC_HTTP_ALLOW: "http://a.example=KEY" }).warnings).toEqual(warnings);
    const near = "http://localhost:8080=KEY,http://127.0.0.1=KEY,http://b.example,https.example=KEY";
    expect(parse({ AMPSYNC_HTTP_ALLOW: near }).warnings).toEqual([]);
  });
});

test("a command that needs a database refuses to go on without one, and says how to name it", () => {
  expect(() => requireDatabase(parse({}))).toThrow(
    expect.objectContaining({ code: "SY902", hint: expect.stringContaining("DATABASE_URL=postgresql://") }),
  );
  const url = "postgresql://me@db/sync";
  expect(requireDatabase(parse({ DATABASE_URL: url }))).toBe(url);
});

describe("the schema of the queue", () => {
  test.each(["worker", "ampsync_queue", "_q1", "q".repeat(63)])("may be %s", (name) => {
    expect(parse({ GRAPHILE_WORKER_SCHEMA: name }).queueSchema).toBe(name);
  });

  test.each(["Worker", "my queue", "q;drop schema x", 'a"b', "pg_queue", "1st", "q".repeat(64)])(
    "cannot be %s",
    (name) => {
      expect(problemsOf({ GRAPHILE_WORKER_SCHEMA: name })).toEqual([
        expect.stringContaining("GRAPHILE_WORKER_SCHEMA"),
      ]);
    },
  );
});

describe("Node.js", () => {
  const { engines } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  const [major, minor] = engines.node.replace(">=", "").split(".").map(Number);

  test.each([`${major}.${minor}.0`, `${major}.${minor + 1}.3`, `${major + 1}.0.0`])(
    "%s is new enough",
    (version) => {
      expect(() => checkNode(version)).not.toThrow();
    },
  );

  test.each([`${major}.${minor - 1}.9`, "20.20.2", "9.99.0"])("%s is refused", (version) => {
    expect(() => checkNode(version)).toThrow(`Node.js ${version} is too old`);
  });
});
