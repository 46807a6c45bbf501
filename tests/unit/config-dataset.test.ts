import { describe, expect, test } from "vitest";

import type { Flags } from "../../src/config/given.ts";
import type { Reader } from "../../src/config/notes.ts";
import { parseConfig } from "../../src/config.ts";

type Environment = Record<string, string>;

function parse(env: Environment, reader: Reader = "sync", flags: Flags = {}) {
  return parseConfig(env, () => "", reader, flags);
}

function problemsOf(env: Environment, flags: Flags = {}): string {
  try {
    parse(env, "sync", flags);
  } catch (error) {
    return String(error);
  }
  return "";
}

const HASH = "0123456789abcdef".repeat(4);

describe("the dataset that sync starts", () => {
  test.each([
    [{ DATASET: "eth" }, "eth"],
    [{ DATASET_NAME: "eth" }, "eth"],
    [{ AMP_DATASET_NAME: "eth" }, "eth"],
    [{ DATASET: "edge/eth@1.2.0" }, "edge/eth@1.2.0"],
    [{ DATASET: `eth@${HASH}` }, `eth@${HASH}`],
    [{ DATASET: "eth", DATASET_NAMESPACE: "edge" }, "edge/eth"],
    [{ DATASET: "eth", AMP_DATASET_NAMESPACE: "edge" }, "edge/eth"],
    [{ DATASET: "eth", DATASET_VERSION: "1.2.0" }, "eth@1.2.0"],
    [{ DATASET: "eth", AMP_DATASET_VERSION: "latest" }, "eth@latest"],
    [{ DATASET: "edge/eth@dev", DATASET_NAMESPACE: "edge", DATASET_VERSION: "dev" }, "edge/eth@dev"],
  ])("%j is %s", (env, reference) => {
    expect(parse(env).dataset).toEqual({
      reference,
      tables: null,
      retentionBlocks: null,
    });
  });

  test.each([
    ["blocks", ["blocks"]],
    [" blocks, Logs_2 ,blocks,", ["blocks", "Logs_2"]],
  ])("TABLES=%j are %j", (text, tables) => {
    expect(parse({ DATASET: "eth", TABLES: text }).dataset?.tables).toEqual(tables);
  });

  test("has RETENTION_BLOCKS only where that is set", () => {
    expect(parse({ DATASET: "eth", RETENTION_BLOCKS: "64" }).dataset?.retentionBlocks).toBe(64);
    expect(parse({ DATASET: "eth" }).dataset?.retentionBlocks).toBeNull();
  });

  test.each([
    [{ DATASET: "Eth" }, /DATASET="Eth" is not \[namespace\/\]name/],
    [{ DATASET_NAME: "a/b/c" }, /DATASET_NAME="a\/b\/c" is not/],
    [{ DATASET: "eth@newest" }, /is not \[namespace/],
    [{ DATASET: "e".repeat(64) }, /is not \[namespace/],
    [{ DATASET: "eth", DATASET_NAMESPACE: "Edge" }, /DATASET_NAMESPACE is not a name/],
    [{ DATASET: "eth", DATASET_VERSION: "v1" }, /DATASET_VERSION is not a version/],
    [{ DATASET: "eth", TABLES: "blocks,my table" }, /TABLES is not a list of table names: "my table"/],
    [{ DATASET: "eth", TABLES: "," }, /TABLES is not a list/],
    [{ DATASET: "eth", DATASET_NAME: "btc" }, /DATASET and DATASET_NAME have different values/],
    [
      { DATASET: "eth@1.0.0", DATASET_VERSION: "1.0.1" },
      /DATASET and DATASET_VERSION name different versions/,
    ],
    [{ DATASET: "a/eth", DATASET_NAMESPACE: "b" }, /DATASET and DATASET_NAMESPACE name different namespaces/],
  ] as Array<[Environment, RegExp]>)("%j is refused", (env, message) => {
    expect(problemsOf(env)).toMatch(message);
  });

  test("is refused with all that is wrong at once", () => {
    const problems = problemsOf({ DATASET: "Eth", DATASET_VERSION: "x", TABLES: "1", RETENTION_BLOCKS: "1" });
    for (const name of ["DATASET=", "DATASET_VERSION", "TABLES", "RETENTION_BLOCKS=1"]) {
      expect(problems).toContain(name);
    }
  });

  test("is nothing to a worker, which says so, and nothing at all to others", () => {
    const env = { DATASET: "No Dataset", TABLES: "blocks" };
    expect(parse(env, "worker")).toMatchObject({
      dataset: null,
      warnings: ["DATASET, TABLES: used by ampsync sync alone"],
    });
    for (const reader of ["command", "library"] as const) {
      expect(parse(env, reader)).toMatchObject({ dataset: null, warnings: [] });
    }
    expect(parse({ TABLES: "blocks" })).toMatchObject({
      dataset: null,
      warnings: ["TABLES: not used without DATASET"],
    });
  });
});

describe("a flag", () => {
  test("beats the environment, and the environment the default", () => {
    expect(parse({ DB_POOL_SIZE: "20" }, "worker", { "db-pool-size": "30" }).poolSize).toBe(30);
    expect(parse({ MAX_DB_CONNECTIONS: "20" }, "worker", { "db-pool-size": "30" }).poolSize).toBe(30);
    expect(parse({ DB_POOL_SIZE: "20" }, "worker", { "db-pool-size": "" }).poolSize).toBe(20);
    expect(parse({ DATASET: "eth" }, "sync", { dataset: "btc" }).dataset?.reference).toBe("btc");
  });

  test.each([
    ["stream-max-concurrent-batches", "7", "maxConcurrentBatches", 7],
    ["streams-per-worker", "7", "streamsPerWorker", 7],
    ["version-polling-interval-secs", "7", "pollIntervalSecs", 7],
    ["grpc-max-decode-mb", "7", "grpcMaxDecodeMb", 7],
    ["max-db-connections", "7", "poolSize", 7],
    ["nozzle-endpoint", "http://a:1", "flightAddress", new URL("http://a:1")],
    ["rust-log", "debug", "logLevels", { rest: "debug", parts: new Map() }],
  ] as const)("--%s %s is read", (flag, text, setting, value) => {
    expect(parse({}, "worker", { [flag]: text })[setting]).toEqual(value);
  });

  test("is named in what is wrong with it", () => {
    expect(problemsOf({}, { "db-pool-size": "x" })).toContain("--db-pool-size=x is not a whole number");
    expect(problemsOf({}, { "db-pool-size": "5", "max-db-connections": "6" })).toContain(
      "--db-pool-size and --max-db-connections have different values",
    );
  });

  test("for a secret is taken with a warning that does not show it", () => {
    const { databaseUrl, token, warnings } = parse({ AMP_AUTH_TOKEN_FILE: "/token" }, "worker", {
      "database-user": "me",
      "database-name": "sync",
      "database-password": "hunter2",
      "auth-token": "hunter3",
    });
    expect(databaseUrl).toBe("postgresql://me:hunter2@localhost:5432/sync");
    expect(token()).toBe("hunter3");
    expect(warnings).toEqual([
      "--database-password: the process list shows it; use DATABASE_PASSWORD or DATABASE_PASSWORD_FILE",
      "--auth-token: the process list shows it; use AMP_AUTH_TOKEN or AMP_AUTH_TOKEN_FILE",
    ]);
    expect(
      parse({}, "worker", { "database-url": "postgresql://me:hunter2@db/sync" }).warnings.join(),
    ).toMatch(/^--database-url holds a password(?!.*hunter)/);
    expect(parse({}, "worker", { "database-url": "postgresql://me@db/sync" }).warnings).toEqual([]);
  });
});

describe("an address of the database", () => {
  const url = "postgresql://me:hunter2@db/sync";

  test("beats its parts, with a warning", () => {
    expect(parse({ DATABASE_URL: url, DATABASE_USER: "x", DATABASE_PASSWORD: "hunter3" })).toMatchObject({
      databaseUrl: url,
      warnings: ["DATABASE_USER, DATABASE_PASSWORD: not used, as DATABASE_URL is set"],
    });
  });

  test("in the environment is beaten by parts on the command line, whole", () => {
    const flags = { "database-user": "me", "database-name": "other", "database-host": "near" };
    expect(parse({ DATABASE_URL: url }, "worker", flags).databaseUrl).toBe(
      "postgresql://me:@near:5432/other",
    );
    expect(problemsOf({ DATABASE_URL: url }, { "database-host": "near" })).toContain(
      "DATABASE_USER and DATABASE_NAME must be set together",
    );
    expect(parse({ DATABASE_URL_FILE: "/url" }, "worker", { "database-url": url }).databaseUrl).toBe(url);
  });
});

describe("path_validation: the dataset file of sync", () => {
  test.each(["a.ts", "/x/a.mts", "./a.js", "a b.mjs", "x/a.json"])("may be %s", (path) => {
    expect(parse({ DATASET_MANIFEST: path })).toMatchObject({
      dataset: null,
      manifestStart: { path, retentionBlocks: null },
    });
  });

  test.each(["a", "a.cjs", "a.yaml", ".ts", "a.ts/"])("may not be %s", (path) => {
    expect(problemsOf({ DATASET_MANIFEST: path })).toContain(
      "DATASET_MANIFEST is not a file with the ending .ts, .mts, .js, .mjs or .json",
    );
  });

  test("stands for all that names a dataset, but not for its retention", () => {
    const env = { DATASET_MANIFEST: "a.ts", DATASET: "eth", AMP_DATASET_VERSION: "dev", TABLES: "logs" };
    expect(problemsOf(env, { namespace: "x", "dataset-namespace": "edge" })).toContain(
      "DATASET, --dataset-namespace, AMP_DATASET_VERSION, TABLES cannot be set together with DATASET_MANIFEST",
    );
    expect(parse({ DATASET_MANIFEST: "a.ts", RETENTION_BLOCKS: "64" }).manifestStart).toEqual({
      path: "a.ts",
      retentionBlocks: 64,
    });
  });

  test("is for sync alone", () => {
    const { manifestStart, warnings } = parse({ DATASET_MANIFEST: "a.ts" }, "worker");
    expect(manifestStart).toBeNull();
    expect(warnings).toContain("DATASET_MANIFEST: used by ampsync sync alone");
  });
});
