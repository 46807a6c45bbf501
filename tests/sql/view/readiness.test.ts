// Takes 19 s.
import { beforeEach, describe, expect, test } from "vitest";

import { letTimePassWithin, moveClock } from "../../support/postgres/clock.ts";
import { clearQueue } from "../../support/postgres/queue.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { registerDataset, SqlStream } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();
let stream: SqlStream;

beforeEach(async () => {
  stream = await SqlStream.prepare(db);
  await stream.apply(0, 9);
  await clearQueue(db);
  await beat("9");
});

/** A heartbeat of the worker, which holds the stream. */
async function beat(
  head: string | null,
  { isHolder = true, holds = false }: { isHolder?: boolean; holds?: boolean | null } = {},
): Promise<void> {
  const { id, epoch } = stream;
  const leases = isHolder ? [{ stream_id: id, epoch, head, holds }] : [];
  await db.query("select ampsync_worker.renew_leases('worker-1', $1)", [JSON.stringify(leases)]);
}

/** Time passes in steps in which a worker beats. */
async function live(
  seconds: number,
  head: string | null,
  options?: Parameters<typeof beat>[1],
): Promise<void> {
  for (let left = seconds; left > 0; left -= 25) {
    await letTimePassWithin(db, `${Math.min(left, 25)} s`);
    await beat(head, options);
  }
}

async function readiness() {
  const { rows } = await db.query("select * from ampsync.readiness order by table_name nulls first");
  return rows;
}

describe("a table that is held", () => {
  test("is ready at the head, however long no block comes", async () => {
    await live(600, "9");
    expect(await readiness()).toMatchObject([
      {
        dataset: "chain",
        table_name: "blocks",
        ready: true,
        reason: null,
        hint: null,
        block: "9",
        behind: "0",
      },
    ]);
  });

  test("is not ready when the server has held more for 300 s, although its worker is alive; a commit cures that", async () => {
    await beat("20");
    await live(280, "21");
    expect(await readiness()).toMatchObject([{ ready: true }]);
    await live(25, "22");
    expect(await readiness()).toMatchObject([
      {
        ready: false,
        state: "backfill",
        reason: "nothing was committed for 300 s, though the server holds or has sent more",
        hint: "select * from ampsync.doctor();",
      },
    ]);
    await stream.apply(10, 19);
    expect(await readiness()).toMatchObject([{ ready: true, block: "19" }]);
    await live(100, "22");
    expect(await readiness()).toMatchObject([{ ready: true }]);
  });

  test("is as stuck as before when a beat does not know the head, or another pass has begun", async () => {
    await beat("20");
    await live(150, null);
    await stream.endPass("yielded");
    await stream.acquire();
    await live(151, null);
    expect(await readiness()).toMatchObject([{ ready: false, reason: expect.stringContaining("committed") }]);
  });

  test.each([
    ["the head cannot be asked for", null],
    ["a replacement is no higher than what it replaces", "9"],
  ])("is not ready when it holds data for 300 s without a commit: %s", async (_, head) => {
    await beat(head, { holds: true });
    await live(280, head, { holds: true });
    expect(await readiness()).toMatchObject([{ ready: true }]);
    await live(25, head, { holds: true });
    expect(await readiness()).toMatchObject([{ ready: false, reason: expect.stringContaining("has sent") }]);
    await stream.apply(10, 10);
    await live(600, head);
    expect(await readiness()).toMatchObject([{ ready: true, block: "10" }]);
  });

  test("holds what its pass has reported, when a beat does not say", async () => {
    await db.query("select ampsync_worker.note_holding($1, $2, true)", [stream.id, stream.epoch]);
    await live(326, null, { holds: null });
    expect(await readiness()).toMatchObject([{ ready: false }]);
  });

  test("is ready when what it held is gone, and the head is no higher", async () => {
    await live(200, "9", { holds: true });
    await live(200, "9");
    await live(200, "9", { holds: true });
    expect(await readiness()).toMatchObject([{ ready: true }]);
  });

  test("is ready when what it held is gone, and the head was never known", async () => {
    await live(200, null, { holds: true });
    await live(600, null);
    expect(await readiness()).toMatchObject([{ ready: true }]);
  });

  test("is as stuck as before when what it held comes again and again, and the head was never known", async () => {
    for (let left = 300; left > 0; left -= 50) {
      await beat(null, { holds: true });
      await live(50, null);
      await stream.endPass("yielded");
      await stream.acquire();
    }
    await live(25, null, { holds: true });
    expect(await readiness()).toMatchObject([{ ready: false, reason: expect.stringContaining("has sent") }]);
  });

  test("is as stuck as before when what it held is gone, and the head was known to be higher", async () => {
    await beat("20", { holds: true });
    await live(301, null);
    expect(await readiness()).toMatchObject([{ ready: false }]);
  });

  test("is ready while it holds the rows of a long repair, and afterwards", async () => {
    await db.query(
      `insert into ampsync_private.repair (stream_id, first_block, last_block, requested_at, due_at)
       values ($1, 3, 5, ampsync_private.now(), ampsync_private.now())`,
      [stream.id],
    );
    await live(600, null, { holds: true });
    expect(await readiness()).toMatchObject([{ ready: true }]);
    await beat(null);
    await db.query("delete from ampsync_private.repair");
    await live(600, null);
    expect(await readiness()).toMatchObject([{ ready: true }]);
  });

  test("is ready while it commits, however far it is behind", async () => {
    for (let block = 10; block < 20; block++) {
      await live(100, "1000000");
      await stream.apply(block, block);
      expect(await readiness()).toMatchObject([{ ready: true }]);
    }
  });

  test("is not blamed for a block that came after ten minutes of silence", async () => {
    await live(600, "9");
    await beat("10");
    expect(await readiness()).toMatchObject([{ ready: true, behind: "1" }]);
  });
});

test("a table that has failed is not ready, and the hint is its own", async () => {
  await stream.endPass("failed", "SY201");
  expect(await readiness()).toMatchObject([
    { ready: false, reason: "it has failed", state: "failed", error_code: "SY201", hint: "select 1;" },
  ]);
});

test("a table that is retried is ready for 300 s", async () => {
  await stream.endPass("ended", "SY104");
  await live(280, null, { isHolder: false });
  expect(await readiness()).toMatchObject([{ ready: true, state: "retrying", error_code: "SY104" }]);
  await live(25, null, { isHolder: false });
  expect(await readiness()).toMatchObject([
    { ready: false, reason: "it has been retried for more than 300 s", error_code: "SY104" },
  ]);
});

describe("a reorg", () => {
  const markReorgPending = () =>
    db.query("select ampsync_worker.mark_reorg_pending($1, $2, 5)", [stream.id, stream.epoch]);

  test("whose replacement never commits is no new beginning: 300 s after the first failure the table is not ready", async () => {
    await markReorgPending();
    await stream.endPass("ended");
    for (let left = 300; left > 0; left -= 50) {
      await live(25, null, { isHolder: false });
      await stream.acquire();
      await markReorgPending();
      expect(await readiness()).toMatchObject([{ ready: true, state: "reorg_pending" }]);
      await live(25, "9");
      if (left > 50) await stream.endPass("ended");
    }
    expect(await readiness()).toMatchObject([
      { ready: false, state: "reorg_pending", reason: "it has been retried for more than 300 s" },
    ]);
    await stream.endPass("ended");
    expect(await readiness()).toMatchObject([{ ready: false, state: "retrying" }]);
  });

  test("that was waited for is no failure: the table is retried since its pass ended", async () => {
    await markReorgPending();
    await live(400, "9");
    expect(await readiness()).toMatchObject([{ ready: true, state: "reorg_pending" }]);
    await stream.endPass("ended");
    expect(await readiness()).toMatchObject([{ ready: true, state: "retrying" }]);
  });
});

describe("a table that nobody holds", () => {
  test("is ready for 60 s if nothing is queued for it", async () => {
    await stream.endPass("yielded");
    await clearQueue(db);
    await live(59, null, { isHolder: false });
    expect(await readiness()).toMatchObject([{ ready: true }]);
    await live(2, null, { isHolder: false });
    expect(await readiness()).toMatchObject([{ ready: false, reason: "no worker has held it for 60 s" }]);
  });

  test("is ready for 60 s if a job is said to run, as that of a worker that died", async () => {
    await stream.endPass("yielded");
    await db.query("update graphile_worker._private_jobs set locked_at = now(), locked_by = 'worker-1'");
    await live(61, null, { isHolder: false });
    expect(await readiness()).toMatchObject([{ ready: false, reason: "no worker has held it for 60 s" }]);
  });

  test("is ready for 300 s while its job waits for a slot", async () => {
    await stream.endPass("yielded");
    await live(280, null, { isHolder: false });
    expect(await readiness()).toMatchObject([{ ready: true }]);
    await live(25, null, { isHolder: false });
    expect(await readiness()).toMatchObject([{ ready: false, reason: "no worker has held it for 300 s" }]);
  });

  test("is not ready without any worker for 60 s", async () => {
    await moveClock(db, "61 s");
    expect(await readiness()).toMatchObject([
      {
        ready: false,
        reason: "no worker has sent a heartbeat for 60 s",
        hint: expect.stringContaining("ampsync"),
      },
    ]);
  });

  test("is ready when it is paused, even without any worker", async () => {
    await db.query("select ampsync.pause_sync('chain')");
    await moveClock(db, "1 day");
    expect(await readiness()).toMatchObject([{ ready: true, state: "paused" }]);
  });
});

describe("during a resync", () => {
  test("the shadow is what counts: its failure is not hidden by the state resyncing", async () => {
    await db.query("select ampsync.resync('chain', 'blocks')");
    expect(await readiness()).toMatchObject([{ ready: true, state: "resyncing" }]);
    await db.query(
      "update ampsync_private.stream set state = 'failed', error = '{\"code\": \"SY202\"}' where shadow_of is not null",
    );
    expect(await readiness()).toMatchObject([
      { ready: false, reason: "it has failed", state: "resyncing", error_code: "SY202" },
    ]);
  });
});

describe("a dataset that is looked up", () => {
  const datasets = async () => (await readiness()).filter((row) => row["dataset"] === "other");

  test("is ready while it waits to be published, as long as somebody looks for it", async () => {
    await db.query("select ampsync.enqueue_sync('other')");
    expect(await datasets()).toMatchObject([{ table_name: null, ready: true, state: "waiting" }]);
    await live(61, "9");
    expect(await datasets()).toMatchObject([
      { ready: false, reason: "no worker has looked for it for 60 s" },
    ]);
    await clearQueue(db);
    expect(await datasets()).toMatchObject([{ ready: true }]);
  });

  /** Its look-up fails again and again, every 25 s. */
  async function failFor(seconds: number, code: string): Promise<void> {
    for (let left = seconds; left > 0; left -= 25) {
      await db.query(
        `select ampsync_worker.defer_resolve(d.dataset_id, 'waiting', $1)
           from ampsync_private.dataset d where d.name = 'other'`,
        [{ code, message: "no", hint: "Look." }],
      );
      await live(Math.min(left, 25), "9");
    }
  }

  test.each(["SY104", "SY105"])("is not ready when its look-up fails with %s for 300 s", async (code) => {
    await db.query("select ampsync.enqueue_sync('other')");
    await failFor(600, "SY103");
    expect(await datasets()).toMatchObject([{ ready: true, error_code: "SY103" }]);
    await failFor(280, code);
    expect(await datasets()).toMatchObject([{ ready: true, error_code: code }]);
    await failFor(25, code);
    expect(await datasets()).toMatchObject([
      {
        ready: false,
        reason: "its look-up has failed for more than 300 s",
        state: "waiting",
        error_code: code,
      },
    ]);
    await failFor(59, "SY103");
    expect(await datasets()).toMatchObject([{ ready: false, error_code: "SY103" }]);
    await live(2, "9");
    expect(await datasets()).toMatchObject([{ ready: true }]);
    await failFor(25, code);
    expect(await datasets()).toMatchObject([{ ready: true }]);
  });

  test.each([
    ["by turns", ["SY104", "SY103"]],
    ["for every third time", ["SY105", "SY103", "SY103"]],
  ])("is not ready when its look-up fails %s with something else than SY103, for 300 s", async (_, codes) => {
    await db.query("select ampsync.enqueue_sync('other')");
    await failFor(600, "SY103");
    for (let left = 300, i = 0; left > 0; left -= 25, i++) {
      expect(await datasets()).toMatchObject([{ ready: true }]);
      await failFor(25, codes[i % codes.length]!);
    }
    expect(await datasets()).toMatchObject([
      { ready: false, reason: "its look-up has failed for more than 300 s" },
    ]);
    await failFor(75, "SY103");
    expect(await datasets()).toMatchObject([{ ready: true }]);
  });

  test("begins anew when somebody resumes it", async () => {
    await db.query("select ampsync.enqueue_sync('other')");
    await failFor(301, "SY104");
    expect(await datasets()).toMatchObject([{ ready: false }]);
    await db.query("select ampsync.resume_sync('other')");
    await clearQueue(db);
    await failFor(280, "SY104");
    expect(await datasets()).toMatchObject([{ ready: true }]);
  });

  test("is not ready when a look-up has run for 300 s", async () => {
    await db.query("select ampsync.enqueue_sync('other')");
    await db.query("update graphile_worker._private_jobs set locked_at = now(), locked_by = 'worker-1'");
    await live(280, "9");
    expect(await datasets()).toMatchObject([{ ready: true }]);
    await live(25, "9");
    expect(await datasets()).toMatchObject([
      { ready: false, reason: "its look-up has run for more than 300 s" },
    ]);
  });

  test("has a row beside its tables too, until they are found", async () => {
    const id = await registerDataset(db, "other", ["logs"]);
    expect(await datasets()).toMatchObject([{ table_name: "logs" }]);
    await db.query("update ampsync_private.dataset set state = 'waiting' where dataset_id = $1", [id]);
    await failFor(25, "SY103");
    expect(await datasets()).toMatchObject([
      { table_name: null, ready: true, state: "waiting", error_code: "SY103" },
      { table_name: "logs" },
    ]);
    await failFor(301, "SY104");
    expect(await datasets()).toMatchObject([
      { table_name: null, ready: false, reason: "its look-up has failed for more than 300 s" },
      { table_name: "logs" },
    ]);
  });

  test("is not ready when it has failed, beside its tables as well", async () => {
    await registerDataset(db, "other", ["logs"]);
    await db.query(
      `update ampsync_private.dataset set state = 'failed', error = '{"code": "SY003", "hint": "select 2;"}'
        where name = 'other'`,
    );
    expect(await datasets()).toMatchObject([
      { table_name: null, ready: false, reason: "it has failed", error_code: "SY003", hint: "select 2;" },
      { table_name: "logs" },
    ]);
  });
});
