// Takes 14 s.
import { describe, expect, test } from "vitest";

import { Replication } from "../../../src/capture/replication.ts";
import type { FaultPoint } from "../../../src/fault-points.ts";
import { lsnOf } from "../../../src/model/lsn.ts";
import { createLoadedTables, LOADED_TABLES, Load } from "../../support/capture/load.ts";
import { beginLedger, expectExactLog } from "../../support/capture/oracle.ts";
import { PassProcess } from "../../support/capture/pass-worker.ts";
import { publish, type RunningPass, startPass, untilCaptured } from "../../support/capture/rig.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres/postgres.ts";
import { waitFor } from "../../support/wait-for.ts";

async function loadedDatabase(): Promise<TestDatabase> {
  const db = await createDatabase();
  await createLoadedTables(db);
  await publish(db, LOADED_TABLES);
  await beginLedger(db);
  return db;
}

const has = (pass: Pick<RunningPass, "lines">, event: string) =>
  pass.lines.some((line) => line.includes(event));

async function reader(db: TestDatabase): Promise<number | null> {
  const { rows } = await db.query(
    "select s.active_pid as pid from ampsync_private.capture c join pg_replication_slots s on s.slot_name = c.slot",
  );
  return rows[0]!["pid"];
}

describe("Of two passes", () => {
  test("one ends quietly where somebody else reads the slot", async () => {
    await using db = await loadedDatabase();
    const { rows } = await db.query("select c.slot, c.end_lsn::text as lsn from ampsync_private.capture c");
    {
      await using _other = await Replication.open({
        ...{ url: db.url, slot: rows[0]!["slot"], publication: "ampsync", workerId: "other" },
        startLsn: lsnOf(rows[0]!["lsn"]),
        signal: new AbortController().signal,
      });
      await using second = startPass(db);
      await second.ended;
      expect(has(second, "capture_slot_busy")).toBe(true);
      expect(second.lines.filter((line) => line.includes('"level":"warn"'))).toEqual([]);
    }
    await db.query("insert into accounts values (1, 'a')");
    await using _first = startPass(db);
    await untilCaptured(db);
    await expectExactLog(db);
  });

  test("one that was frozen, in a large transaction as well, stores nothing once it goes on", async () => {
    await using db = await loadedDatabase();
    await using frozen = new PassProcess({ databaseUrl: db.url, workerId: "frozen" });
    await waitFor("it to read", () => frozen.hasSaid("capture_taken"));
    await using load = await Load.start(db, { writers: 2 });
    for (const table of [1, 2]) {
      await db.query(
        `begin; set local synchronous_commit = local;
         insert into items select ${table}, 5000000 + i, i from generate_series(1, 8000) i; commit`,
      );
    }
    await waitFor("it to be in the middle of it", async () => {
      const { rows } = await db.query("select large_tx is not null as is_large from ampsync_private.capture");
      return rows[0]!["is_large"];
    });
    frozen.signal("SIGSTOP");
    // As the server does after wal_sender_timeout, or whoever finds the worker silent.
    await db.query("select pg_terminate_backend($1, 1000)", [await reader(db)]);
    await using successor = startPass(db, { workerId: "successor" });
    await waitFor("it to be taken over", () => has(successor, "capture_taken"));
    frozen.signal("SIGCONT");
    await load.stop();
    await untilCaptured(db);
    await waitFor(
      "the frozen one to find out",
      () => frozen.hasSaid("capture_replaced") || frozen.hasSaid("capture_ended"),
    );
    await expectExactLog(db);
  });
});

describe("A walsender that is ended ten times", () => {
  test("in a row lets the pauses before the next pass grow", async () => {
    await using db = await loadedDatabase();
    for (let n = 0; n < 10; n++) {
      const pass = startPass(db, {
        at: (point) => (point === "capture_taken" ? endReader(db) : undefined),
      });
      await pass.ended;
      const { rows } = await db.query(
        `select c.attempts, extract(epoch from c.next_retry - ampsync_private.now())::float8 as pause,
                exists (select from graphile_worker.jobs j where j.key = 'ampsync_capture') as is_queued
           from ampsync_private.capture c`,
      );
      expect(rows[0]).toMatchObject({ attempts: n + 1, is_queued: true });
      // Any part of 0.25 s, doubled each time, up to 30 s.
      expect(rows[0]!["pause"]).toBeLessThanOrEqual(Math.min(30, 0.25 * 2 ** n));
    }
  });

  test("while rows are written loses nothing", async () => {
    await using db = await loadedDatabase();
    await using load = await Load.start(db, { writers: 2 });
    for (let n = 0; n < 10; n++) {
      let stored = 0;
      const end = (point: FaultPoint) => {
        if (point === "capture_committed") stored++;
        return point === "capture_before_commit" && stored === 2 ? endReader(db) : undefined;
      };
      await startPass(db, { at: end }).ended;
    }
    await load.stop();
    await using _last = startPass(db);
    await untilCaptured(db);
    await expectExactLog(db);
  });
});

async function endReader(db: TestDatabase): Promise<void> {
  await db.query("select pg_terminate_backend($1, 5000)", [await reader(db)]);
}
