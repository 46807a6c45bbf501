// Takes 19 s.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";

import type pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { createPool } from "../../src/db/pool.ts";
import { retryingStatements, untilReached, type Waiting } from "../../src/db/retry.ts";
import { createLog } from "../../src/log.ts";
import { createDatabase, type TestDatabase } from "../support/postgres/postgres.ts";
import { type ProxiedConnection, TcpProxy } from "../support/tcp-proxy.ts";
import { waitFor } from "../support/wait-for.ts";
import { MAIN } from "../support/worker/worker-process.ts";

const NEVER = new AbortController().signal;
const nothing = async () => {};

let db: TestDatabase;
let proxy: TcpProxy;

beforeAll(async () => {
  db = await createDatabase();
  proxy = await TcpProxy.toPostgres(db.url);
});
afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await db.drop();
});

function recorded() {
  const lines: Record<string, unknown>[] = [];
  const log = createLog("info", (line) => lines.push(JSON.parse(line)));
  return { log, count: (event: string) => lines.filter((line) => line["event"] === event).length };
}

/** Nobody listens there any more. */
async function deadUrl(): Promise<string> {
  await using gone = await TcpProxy.toPostgres(db.url);
  return `postgresql://me:secret@127.0.0.1:${gone.port}/nowhere`;
}

describe("a program that starts", () => {
  test("connection_circuit_breaker: gives a dead port up after the limit", async () => {
    const { log, count } = recorded();
    const began = performance.now();
    const reached = untilReached(await deadUrl(), 2_000, log, nothing);
    await expect(reached).rejects.toMatchObject({
      code: "SY104",
      message: "the database cannot be reached",
      detail: expect.stringContaining("ECONNREFUSED"),
    });
    const tookMs = performance.now() - began;
    expect(tookMs).toBeGreaterThanOrEqual(1_999);
    expect(tookMs).toBeLessThan(20_000); // A guard: without the limit it would go on.
    expect(count("db_connection_retry")).toBeGreaterThan(2);
    expect(count("db_connection_circuit_breaker_triggered")).toBe(1);
  });

  test("waits 5 s for a server that takes connections and says nothing", async () => {
    proxy.blackHole = true;
    try {
      const { log, count } = recorded();
      const began = performance.now();
      await expect(untilReached(proxy.url(db.url), 1_000, log, nothing)).rejects.toMatchObject({
        code: "SY104",
      });
      expect(performance.now() - began).toBeLessThan(20_000); // A guard: it would wait for ever.
      expect(count("db_connection_circuit_breaker_triggered")).toBe(1);
    } finally {
      proxy.blackHole = false;
    }
  });

  test("goes on when the database comes up in time", async () => {
    proxy.refuses = true;
    const { log, count } = recorded();
    const reached = untilReached(proxy.url(db.url), 60_000, log, nothing);
    await waitFor("two tries", () => count("db_connection_retry") >= 2);
    proxy.refuses = false;
    await reached;
    expect(count("db_connection_circuit_breaker_triggered")).toBe(0);
  });

  test.each([
    ["a database that does not exist", "3D000", (url: URL) => (url.pathname = "/ampsync_no_such_database")],
    ["a role that does not exist", "28000", (url: URL) => (url.username = "ampsync_no_such_role")],
  ])("does not wait for %s", async (_, code, change) => {
    const url = new URL(proxy.url(db.url));
    change(url);
    const { log, count } = recorded();
    const refusal = await untilReached(url.href, 60_000, log, nothing).catch((error: unknown) => error);
    // How a role is refused depends on the server's pg_hba.conf.
    expect(refusal).toMatchObject({ code: expect.stringMatching(code === "28000" ? /^28/ : code) });
    expect(count("db_connection_retry")).toBe(0);
  });

  test.each(["migrate", "worker"])(
    "%s says that it cannot reach the database, and exits with 1",
    async (command) => {
      const env = { DATABASE_URL: await deadUrl(), DB_MAX_RETRY_DURATION_SECS: "1" };
      const { code, said } = await run(command, env);
      expect(code).toBe(1);
      expect(said).toContain("db_connection_circuit_breaker_triggered");
      expect(said).toContain("ERROR SY104: the database cannot be reached");
      expect(said).toContain("HINT: Check DATABASE_URL");
      expect(said).not.toContain("secret");
    },
  );

  test("immediate_failure_on_invalid_config: a worker with a wrong setting tries nothing", async () => {
    const { code, said } = await run("worker", { DATABASE_URL: await deadUrl(), AMP_FLIGHT_ADDR: "nowhere" });
    expect(code).toBe(1);
    expect(said).toContain("ERROR SY902");
    expect(said).not.toContain("db_connection_retry");
  });
});

async function run(command: string, env: Record<string, string>): Promise<{ code: number; said: string }> {
  const child = spawn(process.execPath, [MAIN, command], {
    env: { PATH: process.env["PATH"], ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, "exit")]);
  return { code, said };
}

describe("a statement", () => {
  /** Runs one as state calls are run, on a pool of its own. */
  async function withStatements<T>(
    timeLimits: { readonly connectionMs: number; readonly operationMs: number },
    use: (
      run: (text: string, answerMs?: number, waiting?: Waiting | null) => Promise<pg.QueryResult>,
      count: (event: string) => number,
    ) => Promise<T>,
  ): Promise<T> {
    const { log, count } = recorded();
    const pool = createPool({ url: proxy.url(db.url), max: 2, queryTimeoutMs: 0, name: "ampsync" }, log);
    const statements = retryingStatements(pool, timeLimits, log);
    try {
      return await use(
        (text, answerMs = 30_000, waiting = { signal: NEVER }) =>
          statements({ text, query_timeout: answerMs }, waiting),
        count,
      );
    } finally {
      await pool.end();
    }
  }

  const TIME_LIMITS = { connectionMs: 300_000, operationMs: 60_000 };

  test.each(["40001", "57P01", "53100", "25006"])(
    "that fails with %s is repeated on other connections",
    async (code) => {
      await db.query(`
      create schema flaky_${code};
      create sequence flaky_${code}.tries;
      create function flaky_${code}.call() returns integer language plpgsql as $$
      begin
        if nextval('flaky_${code}.tries') <= 3 then
          raise exception using errcode = '${code}', message = 'not now';
        end if;
        return currval('flaky_${code}.tries');
      end $$`);
      const connections = new Set<ProxiedConnection>();
      proxy.watch = (connection) => connections.add(connection);
      await withStatements(TIME_LIMITS, async (run, count) => {
        expect((await run(`select flaky_${code}.call() as n`)).rows).toEqual([{ n: 4 }]);
        expect(count("db_operation_retry")).toBe(3);
      });
      expect(connections.size).toBe(4 + 1); // One looks for a pooler in the way.
    },
  );

  test("that no retry can help fails at once, with PostgreSQL's own words", async () => {
    await withStatements(TIME_LIMITS, async (run, count) => {
      await expect(run("select * from no_such_table")).rejects.toMatchObject({ code: "42P01" });
      await expect(run("select 1/0")).rejects.toMatchObject({ code: "22012" });
      expect(count("db_operation_retry")).toBe(0);
    });
  });

  test("for which nobody waits is tried once, without a connection too", async () => {
    await withStatements(TIME_LIMITS, async (run, count) => {
      const fails = "do $$ begin raise exception using errcode = '40001'; end $$";
      await expect(run(fails, 30_000, null)).rejects.toMatchObject({ code: "40001" });
      proxy.refuses = true;
      proxy.cutAll();
      await expect(run("select 1", 30_000, null)).rejects.toThrow();
      proxy.refuses = false;
      expect(count("db_operation_retry") + count("db_connection_retry")).toBe(0);
    });
  });

  test("whose answer does not come is left, and repeated on another connection", async () => {
    await withStatements(TIME_LIMITS, async (run, count) => {
      await run("select 1");
      for (const connection of proxy.connections) connection.stalled.add("up").add("down");
      const { rows } = await run("select 2 as two", 200);
      expect(rows).toEqual([{ two: 2 }]);
      expect(count("db_operation_retry")).toBe(1);
    });
  });

  test("waits for a database that is away, however long, and is done when it is back", async () => {
    await withStatements({ connectionMs: 300, operationMs: 100 }, async (run, count) => {
      proxy.refuses = true;
      proxy.cutAll();
      const answer = run("select 1 as one");
      await waitFor("the time limit", () => count("db_connection_circuit_breaker_triggered") === 1);
      const tried = count("db_connection_retry");
      await waitFor("a try after it", () => count("db_connection_retry") > tried);
      proxy.refuses = false;
      expect((await answer).rows).toEqual([{ one: 1 }]);
    });
  });
});
