// Takes 14 s.
import { describe, expect, test } from "vitest";

import { captureConnections } from "../../../src/capture/connections.ts";
import { createLog } from "../../../src/log.ts";
import { logged, publish, startPass, untilCaptured } from "../../support/capture/rig.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres/postgres.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";
import { waitFor } from "../../support/wait-for.ts";

const SILENCE_MS = 300;
const MANY = "insert into todos select n, 'many' from generate_series(1001, 4000) n";

async function publishedTable(): Promise<TestDatabase> {
  const db = await createDatabase();
  await db.query("create table todos (id integer primary key, v text)");
  await publish(db, ["todos"]);
  return db;
}

const taken = (pass: { readonly lines: readonly string[] }) => () =>
  pass.lines.some((line) => line.includes("capture_taken"));

/** Everything is read by the next pass. */
async function expectAllRead(db: TestDatabase, keys: number): Promise<void> {
  await using _next = startPass(db, { workerId: "next" });
  await untilCaptured(db);
  expect(new Set((await logged(db)).map(({ key }) => key)).size).toBe(keys);
}

describe("A server that falls silent while its connection stands", () => {
  test("is given up when nothing was under way", async () => {
    await using db = await publishedTable();
    await using proxy = await TcpProxy.toPostgres(db.url);
    await using pass = startPass(db, { replicationUrl: proxy.url(db.url), silenceMs: SILENCE_MS });
    await waitFor("it to read", taken(pass));
    proxy.stallAll();
    await db.query("insert into todos values (1, 'a')");
    await pass.ended;
    expect(pass.lines.filter((line) => line.includes("capture_ended")).join()).toContain("08006");
    proxy.cutAll();
    await expectAllRead(db, 1);
  });

  test("is given up within a transaction", async () => {
    await using db = await publishedTable();
    await using proxy = await TcpProxy.toPostgres(db.url);
    await using pass = startPass(db, { replicationUrl: proxy.url(db.url), silenceMs: SILENCE_MS });
    await waitFor("it to read", taken(pass));
    let sent = 0;
    proxy.watch = (_, direction, bytes) => {
      if (direction === "down") sent += bytes.length;
      if (sent > 100_000) proxy.stallAll(); // Half of it.
    };
    await db.query(MANY);
    await pass.ended;
    proxy.cutAll();
    await expectAllRead(db, 3000);
  });

  test("is waited for as long as it answers, and while nothing is asked of it", async () => {
    await using db = await publishedTable();
    await using proxy = await TcpProxy.toPostgres(db.url);
    const held = Promise.withResolvers<void>();
    let isHeld = false;
    await using pass = startPass(db, {
      replicationUrl: proxy.url(db.url),
      silenceMs: SILENCE_MS,
      at: (point) => {
        if (point !== "capture_before_store") return;
        isHeld = true;
        return held.promise;
      },
    });
    await waitFor("it to read", taken(pass));
    let statuses = 0;
    proxy.watch = (_, direction) => void (direction === "up" && statuses++);
    await waitFor("it to wait for longer than that", () => statuses > 8);
    await db.query(MANY);
    await waitFor("the pass to be busy", () => isHeld);
    statuses = 0;
    await waitFor("it to be busy for longer than that", () => statuses > 8);
    held.resolve();
    await untilCaptured(db);
    expect(pass.lines.filter((line) => line.includes("capture_ended"))).toEqual([]);
    expect(await logged(db)).toHaveLength(3000);
  });
});

describe("A worker that is to stop", () => {
  test.each(["set search_path", "wal_sender_timeout", "START_REPLICATION"])(
    "waits for no server that is silent from its answer to '%s' on",
    async (statement) => {
      await using db = await publishedTable();
      await using proxy = await TcpProxy.toPostgres(db.url);
      const asked = Promise.withResolvers<void>();
      proxy.watch = (_, direction, bytes) => {
        if (direction !== "up" || !bytes.includes(statement)) return;
        proxy.stallAll();
        asked.resolve();
      };
      await using pass = startPass(db, { replicationUrl: proxy.url(db.url) });
      await asked.promise;
      const began = performance.now();
      await pass.stop();
      expect(performance.now() - began).toBeLessThan(20_000); // A guard: it would wait for ever.
      proxy.watch = null;
      proxy.cutAll();
    },
  );

  test("waits for no connection that is silent in the middle of a commit", async () => {
    await using db = await publishedTable();
    await using proxy = await TcpProxy.toPostgres(db.url);
    await using pass = startPass(db, {
      replicationUrl: proxy.url(db.url),
      callsUrl: proxy.url(db.url),
      at: (point) => void (point === "capture_before_commit" && proxy.stallAll()),
    });
    await waitFor("it to read", taken(pass));
    await db.query("insert into todos values (1, 'a')");
    await waitFor("it to commit", () => proxy.stalled.size > 0);
    const began = performance.now();
    await pass.stop();
    expect(performance.now() - began).toBeLessThan(25_000);
    proxy.cutAll();
    await expectAllRead(db, 1);
  });

  test("keeps no connection that is in use", async () => {
    await using db = await publishedTable();
    const log = createLog("warn", () => {});
    const limits = { connectionMs: 1_000, operationMs: 1_000 };
    const connections = captureConnections(
      db.url,
      limits,
      log,
      () => {},
      (text) => text,
      () => {},
    );
    const calls = [connections.caller, connections.aside].map((caller) =>
      caller.once().call("select pg_sleep(600)"),
    );
    const ended = Promise.allSettled(calls);
    await waitFor("them to be in use", async () => {
      const { rows } = await db.query(
        "select count(*)::integer as n from pg_stat_activity a where a.datname = current_database() and a.query ~ '^select pg_sleep'",
      );
      return rows[0]!["n"] === 2;
    });
    await connections[Symbol.asyncDispose]();
    expect((await ended).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    await db.query(
      "select pg_terminate_backend(a.pid, 5000) from pg_stat_activity a where a.datname = current_database() and a.query ~ '^select pg_sleep'",
    );
  });
});
