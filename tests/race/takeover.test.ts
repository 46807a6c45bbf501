import pg from "pg";
import { from as copyFrom } from "pg-copy-streams";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { migrate } from "../../src/install/migrate.ts";
import { createLog } from "../../src/log.ts";
import { moveClock } from "../support/postgres/clock.ts";
import { journaledDetails } from "../support/postgres/journal.ts";
import { becomePlainRole } from "../support/postgres/plain-role.ts";
import { backendOf, untilBlocked, untilCopyStarves } from "../support/postgres/rivals.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";
import { SqlStream, watermark } from "../support/postgres/sql-stream.ts";
import { waitFor } from "../support/wait-for.ts";

const db = sharedDatabase();
let stream: SqlStream;
let datasets = 0;

beforeEach(async () => {
  datasets++;
  stream = await SqlStream.prepare(db, { dataset: `chain_${datasets}` });
  await stream.commit(0, 9);
});

/** The stream as its holder sees it, on a connection of its own. */
async function holder(): Promise<{ client: pg.Client; pid: number; held: SqlStream }> {
  const client = await db.client();
  return { client, pid: await backendOf(client), held: stream.through(client) };
}

async function takeOver(worker = "worker-2") {
  await moveClock(db, "31 s");
  return stream.acquire(worker);
}

/** What each freeze point leaves behind: an open transaction whose client sends nothing more. */
const FREEZES: [string, (client: pg.Client, held: SqlStream, pid: number) => Promise<void>][] = [
  [
    "in mid-COPY",
    async (client, held, pid) => {
      await client.query("begin");
      await held.beginApply();
      const copy = client.query(
        copyFrom(
          `copy ${held.target} (_id, _block_num_start, _block_num_end, _block_num, block_hash) from stdin`,
        ),
      );
      copy.on("error", () => {}); // It is told so by its next statement.
      copy.write("\\\\x00000000000a00\t10\t10\t10\t\\\\x00\n");
      await untilCopyStarves(db, pid);
    },
  ],
  [
    "after its rows",
    async (client, held) => {
      await client.query("begin");
      await held.beginApply();
      await held.insert(10, 19);
    },
  ],
  [
    "after the removal of a reorg",
    async (client, held) => {
      await client.query("begin");
      await held.beginApply({ from: 5, parentHash: watermark(0, 4).hash });
    },
  ],
  [
    "between commit_apply and COMMIT",
    async (client, held) => {
      await client.query("begin");
      await held.apply(10, 19);
    },
  ],
];

describe.each(FREEZES)("a holder frozen %s", (_, freeze) => {
  test("is ended by a takeover, cannot commit, and its successor goes on", async () => {
    const { client, held, pid } = await holder();
    await freeze(client, held, pid);
    expect(await takeOver()).toMatchObject({ epoch: "2", history: [{ start: "0", end: "9" }] });
    expect((await journaledDetails(db, "lease_taken_over")).at(-1)).toMatchObject({
      from: "worker-1",
      to: "worker-2",
      backends_ended: 1,
    });

    await stream.prepareTarget();
    await stream.commit(10, 19, { fork: "b", parentFork: "a" });
    await expect(client.query("commit")).rejects.toThrow();
    expect(await stream.rows()).toBe(
      `${Array.from({ length: 10 }, (__, n) => `a${n}`).join(" ")} ${Array.from({ length: 10 }, (__, n) => `b${n + 10}`).join(" ")}`,
    );
    expect(await stream.view()).toMatchObject({ block: "19", rows: "20" });
  });

  test("has one successor where two try at once", async () => {
    const { client, held, pid } = await holder();
    await freeze(client, held, pid);
    await moveClock(db, "31 s");
    const rivals = await Promise.all([holder(), holder()]);
    const rows = await Promise.all(rivals.map(({ held: rival }, i) => rival.acquire(`rival-${i}`)));
    expect(rows.filter((row) => row !== undefined)).toHaveLength(1);
    expect((await stream.view()).worker).toMatch(/^rival-/);
  });
});

test("a holder that is alive is never ended", async () => {
  const { client, held } = await holder();
  await client.query("begin");
  await held.apply(10, 19);
  expect(await stream.acquire("worker-2")).toBeUndefined();
  await client.query("commit");
  expect(await stream.view()).toMatchObject({ block: "19", worker: "worker-1" });
});

test("two rivals that both saw the lease expired: the second finds it taken", async () => {
  await moveClock(db, "31 s");
  const gate = await db.client();
  await gate.query("begin");
  await gate.query("select from ampsync_private.lease where stream_id = $1 for no key update", [stream.id]);
  const first = await holder();
  const firstRow = first.held.acquire("rival-1");
  await untilBlocked(db, first.pid);
  const second = await holder();
  const secondRow = second.held.acquire("rival-2");
  await untilBlocked(db, second.pid);
  await gate.query("rollback");
  expect(await firstRow).toMatchObject({ epoch: "2" });
  expect(await secondRow).toBeUndefined();
});

test("a rival that waited for another takeover does not profit from its release", async () => {
  await moveClock(db, "31 s");
  const first = await holder();
  await first.client.query("begin");
  await first.held.acquire("rival-1");
  const second = await holder();
  const row = second.held.acquire("rival-2");
  await untilBlocked(db, second.pid);
  await first.held.endPass("yielded");
  await first.client.query("commit");
  expect(await row).toBeUndefined();
});

test("a takeover waits for a writer that it cannot end, and sees the checkpoint it committed meanwhile", async () => {
  await moveClock(db, "31 s");
  // A writer that nobody could end: it holds the fence, but not in the mode that is looked for.
  const { client, held } = await holder();
  await client.query("begin");
  await client.query("select pg_advisory_xact_lock(ampsync_private.fence_key($1, $2))", [
    held.id,
    held.epoch,
  ]);
  await held.insert(10, 19);

  const rival = await holder();
  const row = rival.held.acquire("worker-2");
  await untilBlocked(db, rival.pid);
  await held.commitApply([watermark(10, 19)], 10);
  await client.query("commit");
  expect(await row).toMatchObject({
    epoch: "2",
    history: [
      { start: "0", end: "9" },
      { start: "10", end: "19" },
    ],
  });
});

describe("a late begin_apply of the old holder is refused", () => {
  test("while the takeover is under way, without waiting for it", async () => {
    await moveClock(db, "31 s");
    const rival = await holder();
    await rival.client.query("begin");
    await rival.held.acquire("worker-2");
    await expect(stream.beginApply()).rejects.toMatchObject({ code: "SY001" });
    await rival.client.query("commit");
    await expect(stream.beginApply()).rejects.toMatchObject({ code: "SY001" });
  });

  test("while the takeover still waits for another writer", async () => {
    const writer = await holder();
    await writer.client.query("begin");
    await writer.client.query("select pg_advisory_xact_lock_shared(ampsync_private.fence_key($1, $2))", [
      stream.id,
      stream.epoch,
    ]);
    const waiter = await holder();
    await waiter.client.query("begin");
    const waits = waiter.client.query("select pg_advisory_xact_lock(ampsync_private.fence_key($1, $2))", [
      stream.id,
      stream.epoch,
    ]);
    await untilBlocked(db, waiter.pid);
    await expect(stream.beginApply()).rejects.toMatchObject({ code: "SY001" });
    await writer.client.query("commit");
    await waits;
    await waiter.client.query("commit");
  });
});

test("a takeover that cannot get through in 5 s gives up with 55P03 and changes nothing", async () => {
  await moveClock(db, "31 s");
  const { client } = await holder();
  await client.query("begin");
  await client.query("select from ampsync_private.lease where stream_id = $1 for no key update", [stream.id]);
  // Five seconds are long for a test: the setting is what is checked, and that it ends the wait.
  const { rows } = await db.query(
    "select proconfig from pg_proc where oid = 'ampsync_worker.acquire_lease'::regproc",
  );
  expect(rows[0]!["proconfig"]).toContain("lock_timeout=5s");
  await db.query("alter function ampsync_worker.acquire_lease(bigint, text) set lock_timeout = '50ms'");
  try {
    await expect(stream.acquire("worker-2")).rejects.toMatchObject({ code: "55P03" });
  } finally {
    await db.query("alter function ampsync_worker.acquire_lease(bigint, text) set lock_timeout = '5s'");
  }
  await client.query("rollback");
  expect(await stream.acquire("worker-2")).toMatchObject({ epoch: "2" });
});

test("a writer of another stream is not ended", async () => {
  const other = await SqlStream.prepare(db, { dataset: `other_${datasets}` });
  const client = await db.client();
  await client.query("begin");
  await other.through(client).apply(0, 4);
  expect(await takeOver()).toMatchObject({ epoch: "2" });
  await client.query("commit");
  expect(await other.view()).toMatchObject({ block: "4" });
});

test("a pause ends the writer, and nothing is committed after it", async () => {
  const { client, held } = await holder();
  await client.query("begin");
  await held.apply(10, 19);
  await db.query("select ampsync.pause_sync($1)", [`chain_${datasets}`]);
  await expect(client.query("commit")).rejects.toThrow();
  await expect(stream.beginApply()).rejects.toMatchObject({ code: "SY001" });
  await expect(stream.acquire()).rejects.toMatchObject({ code: "SY002" });
  expect(await stream.view()).toMatchObject({ state: "paused", block: "9", worker: null });
});

test("another address ends the writer, and the next pass goes on at it from the checkpoint", async () => {
  const { client, held } = await holder();
  await client.query("begin");
  await held.apply(10, 19);
  await db.query("select ampsync.set_source($1, 'http://amp:1602')", [`chain_${datasets}`]);
  await expect(client.query("commit")).rejects.toThrow();
  await expect(stream.beginApply()).rejects.toMatchObject({ code: "SY001" });
  expect(await stream.acquire("worker-2")).toMatchObject({
    flight_addr: "http://amp:1602",
    history: [{ end: "9" }],
  });
  await stream.commit(10, 19);
  expect(await stream.view()).toMatchObject({ block: "19" });
});

test("a writer of a role that the worker may not end is waited for, and named", async () => {
  await moveClock(db, "31 s");
  const worker = await db.client();
  await worker.query("begin");
  await worker.query("alter function ampsync_worker.acquire_lease(bigint, text) set lock_timeout = '50ms'");
  await becomePlainRole(worker, stream);
  const { client, pid } = await holder(); // A superuser's.
  await client.query("select pg_advisory_lock_shared(ampsync_private.fence_key($1, $2))", [stream.id, "1"]);
  await expect(stream.through(worker).acquire("worker-2")).rejects.toMatchObject({
    code: "55P03",
    detail: expect.stringContaining(`Backend ${pid} of role`),
  });
  await worker.query("rollback");
  await client.query("select pg_advisory_unlock_all()");
});

describe("somebody who may only connect and holds our advisory lock", () => {
  let role: string;
  let stranger: pg.Client;
  let named: Record<string, unknown>;

  beforeAll(async () => {
    role = `stranger_${db.name}`;
    const url = new URL(db.url);
    const password = pg.escapeLiteral(decodeURIComponent(url.password));
    await db.query(`create role ${role} login password ${password}`);
    url.username = role;
    stranger = new pg.Client({ connectionString: url.href });
    stranger.on("error", () => {});
    await stranger.connect();
  });
  afterAll(async () => {
    await stranger.end();
    await db.query(`drop role ${role}`);
  });

  async function takesFence(epoch: string, mode: "" | "_shared"): Promise<void> {
    const { rows } = await db.query("select ampsync_private.fence_key($1, $2)::text as key", [
      stream.id,
      epoch,
    ]);
    await stranger.query(`select pg_advisory_lock${mode}($1)`, [rows[0]!["key"]]);
    const pid = await backendOf(stranger);
    named = {
      code: "55P03",
      message: `role ${role} holds the advisory lock of ${stream.target}`,
      detail: expect.stringContaining(`Backend ${pid} of role ${role}`),
      hint: `As a superuser: select pg_terminate_backend(${pid});`,
    };
  }

  test.each(["", "_shared"] as const)(
    "(pg_advisory_lock%s) is not ended by a takeover, but named",
    async (mode) => {
      await takesFence("1", mode);
      await db.query("alter function ampsync_worker.acquire_lease(bigint, text) set lock_timeout = '50ms'");
      try {
        await expect(takeOver()).rejects.toMatchObject(named);
      } finally {
        await db.query("alter function ampsync_worker.acquire_lease(bigint, text) set lock_timeout = '5s'");
      }
      await stranger.query("select pg_advisory_unlock_all()");
      expect(await stream.acquire("worker-2")).toMatchObject({ epoch: "2" });
    },
  );

  test("is named by a writer that he keeps out", async () => {
    await takesFence("1", "");
    await expect(stream.beginApply()).rejects.toMatchObject(named);
    await stranger.query("select pg_advisory_unlock_all()");
    await stream.commit(10, 19);
  });

  test("is named by migrate, which waits for him", async () => {
    await stranger.query("select pg_advisory_lock(hashtextextended('ampsync.migrate', 0))");
    const lines: string[] = [];
    const migrating = migrate(db.url, { log: createLog("info", (line) => lines.push(line)) });
    await waitFor("the report", () => lines.some((line) => line.includes("migrate_waiting")));
    await stranger.query("select pg_advisory_unlock_all()");
    await migrating;
    expect(lines.join()).toContain(`"role":"${role}"`);
  });
});
