// Takes 11 s.
import { setTimeout as pause } from "node:timers/promises";

import { describe, expect, test } from "vitest";

import { PgOutputDecoder } from "../../../src/capture/pgoutput.ts";
import { Replication } from "../../../src/capture/replication.ts";
import { lsnOf, lsnText } from "../../../src/model/lsn.ts";
import { createLoadedTables, LOADED_TABLES, Load } from "../../support/capture/load.ts";
import { commitBackToBack } from "../../support/capture/neighbours.ts";
import { beginLedger, expectExactLog } from "../../support/capture/oracle.ts";
import { logged, publish, startPass, untilCaptured } from "../../support/capture/rig.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres/postgres.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";
import { waitFor } from "../../support/wait-for.ts";

async function databaseWith(...tables: readonly string[]): Promise<TestDatabase> {
  const db = await createDatabase();
  for (const table of tables) await db.query(`create table ${table} (id int primary key, v text)`);
  await publish(db, tables);
  return db;
}

/** Where the slot stands, beside what is stored. */
async function slot(db: TestDatabase) {
  // The slot first: a statement sees it as it is now, and rows as they were when it began.
  const { rows: slots } = await db.query(
    `select s.slot_name as name, s.confirmed_flush_lsn::text as confirmed
       from ampsync_private.capture c join pg_replication_slots s on s.slot_name = c.slot`,
  );
  const { name, confirmed } = slots[0]!;
  const { rows } = await db.query(
    `select c.end_lsn::text as end, c.idle_lsn::text as idle,
            coalesce($1 <= greatest(c.end_lsn, c.idle_lsn), false) as is_stored
       from ampsync_private.capture c`,
    [confirmed],
  );
  const { end, idle, is_stored: isStored } = rows[0]!;
  return {
    name,
    confirmed: lsnOf(confirmed),
    end: lsnOf(end),
    idle: idle === null ? 0n : lsnOf(idle),
    isStored,
  };
}

async function untilLeft(db: TestDatabase): Promise<void> {
  await waitFor("the slot to be left", async () => {
    const { rows } = await db.query(
      "select s.active from pg_replication_slots s where s.slot_name = (select c.slot from ampsync_private.capture c)",
    );
    return !rows[0]!["active"];
  });
}

describe("What is acknowledged", () => {
  test("is the end of a transaction exactly: the one that commits at that byte comes next", async () => {
    await using db = await databaseWith("todos");
    const { name, end } = await slot(db);
    const open = (startLsn: bigint) =>
      Replication.open({
        ...{ url: db.url, slot: name, publication: "ampsync", workerId: "reader", startLsn },
        signal: new AbortController().signal,
      });
    /** Commits that come, up to one that begins where another one ends. */
    async function commits(replication: Replication, enough: (found: readonly bigint[][]) => boolean) {
      const found: bigint[][] = [];
      for await (const frame of replication.frames(AbortSignal.timeout(20_000))) {
        if (frame.kind === "keepalive") continue;
        if (frame.bytes[0] !== "C".charCodeAt(0)) continue; // Relations are described once a session.
        const message = new PgOutputDecoder().decode(frame.bytes);
        if (message.kind === "commit") found.push([message.commitLsn, message.endLsn]);
        if (enough(found)) return found;
      }
      throw new Error("nothing more came");
    }
    const isNext = (found: readonly bigint[][]) => found.at(-1)?.[0] === found.at(-2)?.[1];
    let neighbours: readonly bigint[] = [];
    {
      await using replication = await open(end);
      for (let id = 0; neighbours.length === 0; id += 2) {
        await commitBackToBack(db, id);
        const found = await commits(replication, (all) => all.length === 2);
        if (isNext(found)) neighbours = [found[0]![1]!, found[1]![0]!];
      }
      replication.acknowledge(neighbours[0]!);
    }
    await waitFor("the slot to be left", async () => {
      const { rows } = await db.query("select active from pg_replication_slots where slot_name = $1", [name]);
      return !rows[0]!["active"];
    });
    expect((await slot(db)).confirmed).toBe(neighbours[0]);
    await using again = await open(neighbours[0]!);
    const [[commitLsn]] = (await commits(again, (all) => all.length === 1)) as [[bigint]];
    expect(lsnText(commitLsn)).toBe(lsnText(neighbours[1]!));
  });

  test("is never beyond what is stored, whatever is written meanwhile", async () => {
    await using db = await createDatabase();
    await createLoadedTables(db);
    await publish(db, LOADED_TABLES);
    await beginLedger(db);
    await using pass = startPass(db);
    await using load = await Load.start(db, { writers: 2 });
    for (let look = 0; look < 40; look++) {
      expect((await slot(db)).isStored).toBe(true);
      await db.query("select pg_logical_emit_message(false, $1, '')", [
        look % 2 === 0 ? "ampsync/beat" : "foreign",
      ]);
    }
    await load.stop();
    await untilCaptured(db);
    await pass.stop();
    await expectExactLog(db);
  });

  test("comes after it is stored: a pass that stops in between leaves the slot behind, and nothing is doubled", async () => {
    await using db = await databaseWith("todos");
    const { confirmed } = await slot(db);
    const { promise: stored, resolve } = Promise.withResolvers<void>();
    let isHeld = true;
    await using first = startPass(db, {
      at: async (point) => {
        if (point !== "capture_committed") return;
        resolve();
        while (isHeld) await pause(10);
        throw new Error("the process is killed");
      },
    });
    await db.query("set synchronous_commit = local; insert into todos values (1, 'a')");
    await stored;
    expect(await logged(db)).toHaveLength(1);
    const held = await slot(db);
    expect(held.confirmed).toBe(confirmed);
    expect(held.end).toBeGreaterThan(confirmed);
    isHeld = false;
    await first.ended;
    await using _second = startPass(db);
    await db.query("insert into todos values (2, 'b')");
    await untilCaptured(db);
    expect((await logged(db)).map(({ key }) => key)).toEqual(['["1"]', '["2"]']);
  });

  test("may be lost on its way: what is stored is not read again", async () => {
    await using db = await databaseWith("todos");
    await using proxy = await TcpProxy.toPostgres(db.url);
    const { confirmed } = await slot(db);
    await using first = startPass(db, { replicationUrl: proxy.url(db.url) });
    await waitFor("the pass to read", () => first.lines.some((line) => line.includes("capture_taken")));
    proxy.stalled.add("up");
    await db.query("insert into todos values (1, 'a')");
    await untilCaptured(db);
    expect((await slot(db)).confirmed).toBe(confirmed);
    proxy.cutAll();
    await first.ended;
    await using _second = startPass(db);
    await db.query("insert into todos values (2, 'b')");
    await untilCaptured(db);
    expect((await logged(db)).map(({ key }) => key)).toEqual(['["1"]', '["2"]']);
  });
});

describe("What another pass keeps out", () => {
  test.each([
    ["a transaction", "insert into todos values (1, 'a')"],
    ["a place between two", "select pg_logical_emit_message(false, 'ampsync/mark', '')"],
  ])("is not acknowledged: %s", async (_, written) => {
    await using db = await databaseWith("todos");
    const { confirmed } = await slot(db);
    await using pass = startPass(db);
    await waitFor("the pass to read", () => pass.lines.some((line) => line.includes("capture_taken")));
    await db.query("update ampsync_private.capture set generation = generation + 1");
    await db.query(written);
    await db.query("set synchronous_commit = local; select pg_logical_emit_message(true, 'test/flush', '')");
    await pass.ended;
    expect(pass.lines.join()).toContain("capture_replaced");
    await untilLeft(db); // Its last status is sent with its end.
    expect((await slot(db)).confirmed).toBe(confirmed);
  });
});

describe("WAL of others", () => {
  test("is acknowledged with the next beat, and leaves no entry", async () => {
    await using db = await databaseWith("todos");
    await db.query("create table others (id int primary key)");
    await using _pass = startPass(db);
    await untilCaptured(db);
    const before = await slot(db);
    const { rows: entries } = await db.query("select count(*) as n from ampsync_private.change_tx");
    await db.query("insert into others select generate_series(1, 1000)");
    const { rows } = await db.query("select pg_current_wal_insert_lsn()::text as lsn");
    await db.query("update ampsync_private.capture set beat_token = 'ours'");
    await db.query("select pg_logical_emit_message(false, 'ampsync/beat', 'ours')");
    await db.query("set synchronous_commit = local; select pg_logical_emit_message(true, 'test/flush', '')");
    await waitFor("the slot to follow", async () => (await slot(db)).confirmed >= lsnOf(rows[0]!["lsn"]));
    const after = await slot(db);
    expect(after.isStored).toBe(true);
    expect(after.end).toBe(before.end);
    const { rows: later } = await db.query(
      "select count(*) as n, (select beat_seen_at is not null from ampsync_private.capture) as seen from ampsync_private.change_tx",
    );
    expect(later).toEqual([{ ...entries[0], seen: true }]);
  });

  test("is acknowledged without a beat once it is much", async () => {
    await using db = await databaseWith("todos");
    await using _pass = startPass(db);
    await untilCaptured(db);
    const before = await slot(db);
    await db.query("create table others (v text)");
    await db.query("alter table others alter v set storage plain");
    await db.query(
      "set synchronous_commit = local; insert into others select repeat('x', 7000) from generate_series(1, 10000)",
    );
    await waitFor(
      "the slot to follow",
      async () => (await slot(db)).confirmed > before.confirmed + 67_108_864n,
    );
    expect((await slot(db)).isStored).toBe(true);
  });

  test("is acknowledged after it is stored", async () => {
    await using db = await databaseWith("todos");
    const { confirmed } = await slot(db);
    const { promise: comes, resolve } = Promise.withResolvers<void>();
    let isHeld = true;
    await using pass = startPass(db, {
      at: async (point) => {
        if (point !== "capture_before_idle") return;
        resolve();
        while (isHeld) await pause(10);
        throw new Error("the process is killed");
      },
    });
    await waitFor("the pass to read", () => pass.lines.some((line) => line.includes("capture_taken")));
    await db.query("select pg_logical_emit_message(false, 'ampsync/mark', '')");
    await db.query("set synchronous_commit = local; select pg_logical_emit_message(true, 'test/flush', '')");
    await comes;
    isHeld = false;
    await pass.ended; // Its last status is sent with its end.
    await untilLeft(db);
    expect((await slot(db)).confirmed).toBe(confirmed);
  });

  test.each([
    ["one that anybody sent", ["forged"], false],
    ["an old one of ours", ["an older one"], false],
    ["ours among many of others", ["a", "b", "ours", "c", "d", "x".repeat(100)], true],
  ])("a beat is seen where it is the supervisor's: %s", async (_, contents, isSeen) => {
    await using db = await databaseWith("todos");
    await db.query("select ampsync_private.ensure_capture()");
    await db.query("update ampsync_private.capture set beat_token = 'ours'");
    await using _pass = startPass(db);
    await untilCaptured(db);
    await db.query("select pg_logical_emit_message(false, 'ampsync/beat', c) from unnest($1::text[]) c", [
      contents,
    ]);
    await untilCaptured(db);
    const { rows } = await db.query(
      "select beat_seen_at is not null as is_seen from ampsync_private.capture",
    );
    expect(rows).toEqual([{ is_seen: isSeen }]);
  });
});
