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

  /** A session that reads our slot. */
  async function reading(name = "") {
    const { slot, end_lsn } = await captureRow(db);
    const config: pg.ClientConfig & { replication: string } = {
      connectionString: db.url,
      replication: "database",
      application_name: name,
    };
    const client = new pg.Client(config);
    let hasEnded = false;
    const ended = new Promise<void>((resolve) => client.once("end", resolve)).then(() => {
      hasEnded = true;
    });
    client.on("error", () => {});
    await client.connect();
    client
      .query(
        `START_REPLICATION SLOT "${slot}" LOGICAL ${end_lsn} (proto_version '1', publication_names 'ampsync')`,
      )
      .catch(() => {}); // It ends with its connection.
    const isRead = async (is: boolean) => {
      const { rows } = await db.query("select active from pg_replication_slots where slot_name = $1", [slot]);
      return rows[0]!["active"] === is;
    };
    await waitFor("the slot to be read", () => isRead(true));
    return {
      ended,
      get hasEnded() {
        return hasEnded;
      },
      async end() {
        await client.end().catch(() => {});
        await waitFor("the slot to be free", () => isRead(false));
      },
    };
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
    const { slot } = await captureRow(db);
    const reader = await reading();
    await db.query("select ampsync_worker.register_worker('worker-1', 'host', 1, '0', 1)");
    const pass = await SqlCapture.take(db, "worker-1");

    expect(await begin("worker-2")).toBeNull();
    expect(await begin("worker-1")).toBeNull();
    await clearQueue(db);
    await pass.end({ outcome: "slot_busy" }, null);
    expect(await jobs("ampsync_capture")).toBe(0);
    expect(reader.hasEnded).toBe(false);

    await moveClock(db, "31 seconds");
    expect(await begin("worker-2")).toMatchObject({ slot });
    await reader.ended;
    expect(await events(db, "capture_reader_ended")).toMatchObject([{ worker: "worker-1" }]);
  });

  test("ends the reader of a worker that froze before it took capture over, and of no other", async () => {
    const { slot } = await captureRow(db);
    await db.query("update ampsync_private.capture set worker_id = null");
    for (const [name, live] of [
      ["frozen", false],
      ["living", true],
      [null, true],
    ] as const) {
      await db.query("select ampsync_worker.register_worker($1, 'host', 1, '0', 1)", [name ?? "other"]);
      const reader = await reading(name === null ? "somebody else" : `ampsync_capture ${name}`);
      expect(await begin("worker-2")).toMatchObject({ slot });
      expect(reader.hasEnded).toBe(false);
      await moveClock(db, "31 seconds");
      if (live) await db.query("update ampsync_private.worker set heartbeat_at = ampsync_private.now()");
      expect(await begin("worker-2")).toMatchObject({ slot });
      if (live) expect(reader.hasEnded).toBe(false);
      else await reader.ended;
      await reader.end();
    }
    expect(await events(db, "capture_reader_ended")).toMatchObject([{}, { worker: "frozen" }]);
  });
});
