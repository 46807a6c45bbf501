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
async function beat(head: string | null, { isHolder = true } = {}): Promise<void> {
  const { id, epoch } = stream;
  const leases = isHolder ? [{ stream_id: id, epoch, head }] : [];
  await db.query("select ampsync_worker.renew_leases('worker-1', $1)", [JSON.stringify(leases)]);
}

/** Time passes in steps in which a worker beats. */
async function live(seconds: number, head: string | null, options?: { isHolder: boolean }): Promise<void> {
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
    await live(299, "21");
    expect(await readiness()).toMatchObject([{ ready: true }]);
    await live(2, "22");
    expect(await readiness()).toMatchObject([
      {
        ready: false,
        state: "backfill",
        reason: "nothing was committed for 300 s, though the server holds more blocks",
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
  await live(299, null, { isHolder: false });
  expect(await readiness()).toMatchObject([{ ready: true, state: "retrying", error_code: "SY104" }]);
  await live(2, null, { isHolder: false });
  expect(await readiness()).toMatchObject([
    { ready: false, reason: "it has been retried for more than 300 s", error_code: "SY104" },
  ]);
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
    await live(299, null, { isHolder: false });
    expect(await readiness()).toMatchObject([{ ready: true }]);
    await live(2, null, { isHolder: false });
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

describe("a dataset without tables", () => {
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
