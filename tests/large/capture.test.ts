// Takes 336 s.
import { readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import { migrate } from "../../src/install/migrate.ts";
import { createLog } from "../../src/log.ts";
import { beginLedger, expectExactLog } from "../support/capture/oracle.ts";
import { PassProcess } from "../support/capture/pass-worker.ts";
import { logged, publish, startPass, untilCaptured } from "../support/capture/rig.ts";
import { journaledDetails } from "../support/postgres/journal.ts";
import { OwnServer } from "../support/postgres/own-server.ts";
import type { TestDatabase } from "../support/postgres/postgres.ts";
import { waitFor } from "../support/wait-for.ts";

const MIB = 1024 * 1024;
const ROWS = 1_000_000;
const DEADLINE_MS = 300_000;

async function databaseOn(server: OwnServer): Promise<TestDatabase> {
  const db = await server.database("captured");
  await migrate(db.url, { log: createLog("warn", () => {}) });
  return db;
}

/** What a process has of memory, in bytes; Linux alone tells. */
function memoryOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}

test("a transaction of a million rows comes into the log by a process that stays small, and hears of nothing else for long", async () => {
  await using server = await OwnServer.start({ wal_sender_timeout: "5s", max_wal_size: "4GB" });
  await using db = await databaseOn(server);
  await db.query("create table many (id int primary key, v text)");
  await publish(db, ["many"]);
  await using process = new PassProcess({ databaseUrl: db.url, workerId: "large" });
  await waitFor("it to read", () => process.hasSaid("capture_taken"));
  const before = memoryOf(process.pid);
  await db.query(
    `begin; set local synchronous_commit = local;
     insert into many select i, repeat('x', 400) || i from generate_series(1, ${ROWS}) i; commit`,
  );
  let most = before;
  await waitFor(
    "the log to have it",
    async () => {
      most = Math.max(most, memoryOf(process.pid));
      const { rows } = await db.query("select max(t.changes) as changes from ampsync_private.change_tx t");
      return rows[0]!["changes"] === ROWS;
    },
    DEADLINE_MS,
  );
  expect(process.said().filter((line) => line.includes("capture_ended"))).toEqual([]);
  const { rows } = await db.query(
    "select count(*)::int as rows, count(distinct c.seq)::int as places, count(distinct c.tx_id)::int as transactions from ampsync_private.change c",
  );
  expect(rows).toEqual([{ rows: ROWS, places: ROWS, transactions: 1 }]);
  // A guard; the figure is that of the bench.
  expect(most - before).toBeLessThan(128 * MIB);
});

describe("A row that is too large", () => {
  test.each([
    ["stream", "a text of 100 MB", "repeat('x', 100000000)"],
    ["stream", "a text of 256 MB", "repeat('x', 268435456)"],
    ["stream", "a bytea of 128 MB", "decode(repeat('00', 134217728), 'hex')::text"],
    ["poll", "a text of 100 MB", "repeat('x', 100000000)"],
    ["poll", "a text of 256 MB", "repeat('x', 268435456)"],
  ])(
    "(mode %s, %s) costs its table a floor, with its key in the event; other tables go on",
    async (mode, _, value) => {
      await using server = await OwnServer.start({ max_wal_size: "4GB" });
      await using db = await databaseOn(server);
      await db.query(
        "create table documents (id int primary key, body text); create table todos (id int primary key)",
      );
      await publish(db, ["documents", "todos"]);
      await db.query("select ampsync.configure_capture(mode => $1, poll_interval => '100 ms')", [mode]);
      await beginLedger(db);
      await using pass = startPass(db);
      await db.query("insert into documents values (1, 'small')");
      await untilCaptured(db);
      await db.query(
        `begin; insert into documents values (7, ${value}); insert into todos values (1); commit`,
      );
      await db.query("insert into todos values (2)");
      await untilCaptured(db);
      expect(pass.lines.filter((line) => line.includes("capture_ended"))).toEqual([]);
      expect((await logged(db)).map(({ table, key }) => [table, key])).toEqual([
        ["documents", '["1"]'],
        ["todos", '["1"]'],
        ["todos", '["2"]'],
      ]);
      expect(await journaledDetails(db, "row_too_large")).toMatchObject([{ key: '["7"]' }]);
      const { rows } = await db.query(
        "select p.table_name, p.floor > t.position as is_raised from ampsync_private.published p cross join (select min(position) as position from ampsync_private.change_tx where kind = 'rows') t order by 1",
      );
      expect(rows).toEqual([
        { table_name: "documents", is_raised: true },
        { table_name: "todos", is_raised: false },
      ]);
    },
  );

  test("is not one whose key is longer than an index takes, or whose text is 30 MB", async () => {
    await using server = await OwnServer.start();
    await using db = await databaseOn(server);
    await db.query("create table documents (id text primary key, body text)");
    await publish(db, ["documents"]);
    await beginLedger(db);
    await using _pass = startPass(db);
    await db.query(
      `insert into documents select string_agg(md5(i::text), ''), repeat('y', 30000000) from generate_series(1, 80) i`,
    );
    await untilCaptured(db);
    await expectExactLog(db);
    expect((await logged(db))[0]?.key?.length).toBe(80 * 32 + 4);
  });
});
