import pg from "pg";
import { beforeEach, describe, expect, test } from "vitest";

import { moveClock } from "../../support/postgres/clock.ts";
import { clearQueue } from "../../support/postgres/queue.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";
import { captureRow, events, SqlCapture } from "../../support/postgres/sql-capture.ts";
import { tendPublication } from "../../support/postgres/tended.ts";
import { waitFor } from "../../support/wait-for.ts";

describe("the end of a pass", () => {
  const db = rolledBackDatabase();
  const GONE = { code: "57P01", message: "terminating connection" };

  let pass: SqlCapture;
  beforeEach(async () => {
    pass = await SqlCapture.take(db);
    await clearQueue(db);
  });

  /** In how many seconds the next one is due; null: none is queued. */
  async function due(): Promise<number | null> {
    const { rows } = await db.query(
      `select extract(epoch from j.run_at - clock_timestamp())::float as s
         from graphile_worker.jobs j where j.key = 'ampsync_capture'`,
    );
    return rows[0]?.["s"] ?? null;
  }

  test("in good order queues the next one at once, and nobody holds capture", async () => {
    await pass.end({ outcome: "rested" });
    expect(await due()).toBeLessThanOrEqual(0);
    expect(await captureRow(db)).toMatchObject({ worker_id: null, error: null, attempts: 0 });
  });

  test("by an error is shown, and tried again after pauses of which each is any part of twice the last", async () => {
    for (let failures = 0; failures < 12; failures++) {
      await pass.end({ outcome: "failed", error: GONE });
      expect(await due()).toBeLessThanOrEqual(Math.min(30, 0.25 * 2 ** failures));
    }
    const { attempts, error, next_retry } = await captureRow(db);
    expect({ attempts, error }).toEqual({ attempts: 12, error: GONE });
    expect(next_retry).toBeInstanceOf(Date);
    expect(await events(db, "capture_error")).toEqual([GONE]);

    await pass.storeIdle(0x100);
    expect(await captureRow(db)).toMatchObject({ attempts: 0, error: null, next_retry: null });
  });

  test("for what the server does not allow is tried each minute", async () => {
    await pass.end({ outcome: "failed", error: { code: "SY403", message: "no senders" } }, null);
    expect(await due()).toBeGreaterThan(40);
    expect(await due()).toBeLessThan(80);
  });

  test("that another one has replaced queues nothing, and says nothing about the other", async () => {
    await SqlCapture.take(db, "worker-2");
    await pass.end({ outcome: "replaced" });
    await pass.end({ outcome: "failed", error: GONE });
    await pass.end({ outcome: "rested" });
    expect(await due()).toBeNull();
    expect(await captureRow(db)).toMatchObject({ worker_id: "worker-2", error: null });
  });

  test("that believes it was replaced, though no other one came, is followed by the next one", async () => {
    await pass.end({ outcome: "replaced" });
    expect(await due()).toBeLessThanOrEqual(0);
  });

  test("that found the slot busy is looked at again", async () => {
    await pass.end({ outcome: "slot_busy" }, null);
    expect(await due()).toBeGreaterThan(0);
    expect(await captureRow(db)).toMatchObject({ attempts: 0, error: null });
  });
});

describe("the beginning of a pass", () => {
  const db = sharedDatabase();

  async function begin(worker = "worker-1") {
    const { rows } = await db.query("select ampsync_worker.begin_capture($1) as begun", [worker]);
    return rows[0]!["begun"];
  }

  async function jobs(key: string): Promise<number> {
    const { rows } = await db.query(
      "select count(*)::integer as n from graphile_worker.jobs where key = $1",
      [key],
    );
    return rows[0]!["n"];
  }

  test("is none while nothing is captured, and while the slot is not made, which is asked for", async () => {
    expect(await begin()).toBeNull();
    await db.query("create table public.todos (id text primary key, title text)");
    await db.query("select ampsync.publish('public.todos')");
    await clearQueue(db);
    expect(await begin()).toBeNull();
    expect(await jobs("ampsync_publication")).toBe(1);
  });

  test("tells where to read from, and how", async () => {
    await waitFor("the slot to be made", async () => {
      // Beside whatever other tests of this server have open.
      await tendPublication(db).catch(() => []); // As the job: what fails is tried again.
      return (await captureRow(db))["end_lsn"] !== null;
    });
    const { slot, end_lsn } = await captureRow(db);
    expect(await begin()).toEqual({
      mode: "stream",
      slot,
      start_lsn: end_lsn,
      poll_interval_ms: 1000,
    });
  });

  test("is none beside a pass that lives; the reader of a worker that does not is ended", async () => {
    const { slot, end_lsn } = await captureRow(db);
    const config: pg.ClientConfig & { replication: string } = {
      connectionString: db.url,
      replication: "database",
    };
    const reader = new pg.Client(config);
    let ended = false;
    reader.on("error", () => {
      ended = true;
    });
    await reader.connect();
    const reading = reader
      .query(
        `START_REPLICATION SLOT "${slot}" LOGICAL ${end_lsn} (proto_version '1', publication_names 'ampsync')`,
      )
      .catch(() => {
        ended = true;
      });
    await waitFor("the slot to be read", async () => {
      const { rows } = await db.query("select active from pg_replication_slots where slot_name = $1", [slot]);
      return rows[0]!["active"];
    });
    await db.query("select ampsync_worker.register_worker('worker-1', 'host', 1, '0', 1)");
    const pass = await SqlCapture.take(db, "worker-1");

    expect(await begin("worker-2")).toBeNull();
    expect(await begin("worker-1")).toBeNull();
    await clearQueue(db);
    await pass.end({ outcome: "slot_busy" }, null);
    expect(await jobs("ampsync_capture")).toBe(0);
    expect(ended).toBe(false);

    await moveClock(db, "31 seconds");
    expect(await begin("worker-2")).toMatchObject({ slot });
    await reading;
    expect(ended).toBe(true);
    await reader.end().catch(() => {});
  });
});
