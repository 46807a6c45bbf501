import { beforeEach, describe, expect, test } from "vitest";

import { letTimePassWithin, moveClock } from "../../support/postgres/clock.ts";
import { clearQueue } from "../../support/postgres/queue.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { SqlStream } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();
let stream: SqlStream;

beforeEach(async () => {
  stream = await SqlStream.prepare(db);
  await stream.apply(0, 9);
  await clearQueue(db);
});

/** Time passes in steps in which a worker beats; it holds the stream if it knows a head. */
async function live(seconds: number, head: string | null = null): Promise<void> {
  for (let left = seconds; left > 0; left -= 25) {
    await letTimePassWithin(db, `${Math.min(left, 25)} s`);
    const leases = head === null ? [] : [{ stream_id: stream.id, epoch: stream.epoch, head, holds: false }];
    await db.query("select ampsync_worker.renew_leases('worker-1', $1)", [JSON.stringify(leases)]);
  }
}

/** What is found, but for settings. */
async function findings() {
  const { rows } = await db.query("select * from ampsync.doctor() where severity <> 'info'");
  return rows;
}

/** Every monitor that is red has a finding, and nothing else has. */
async function expectInStep(): Promise<void> {
  const { rows } = await db.query(
    "select concat_ws('.', r.dataset, r.table_name) as subject from ampsync.readiness r where not r.ready",
  );
  expect((await findings()).map(({ subject }) => ({ subject }))).toEqual(rows);
}

describe("what is not ready is found, with what keeps it from moving and a fix that runs", () => {
  test("a table that is retried for 300 s", async () => {
    await stream.endPass("ended", "SY104");
    await db.query(
      "update ampsync_private.stream set error = error || jsonb_build_object('hint', 'Look at ''it''.')",
    );
    await live(270); // As many seconds before the limit as a busy machine may take to look twice.
    await expectInStep();
    await live(31);
    await expectInStep();
    const [found] = await findings();
    expect(found).toEqual({
      severity: "error",
      subject: "chain.blocks",
      finding: "it has been retried for more than 300 s: it broke: while testing",
      fix: "select * from ampsync.streams where dataset = 'chain'; -- Look at 'it'.",
    });
    expect((await db.query(String(found!["fix"]))).rows).toHaveLength(1);
  });

  test("a table that its worker holds without a commit: who is in the way, and else which process to end", async () => {
    await db.query("select ampsync_worker.register_worker('worker-1', 'machine', 4711, '0.1.0', 10)");
    await live(326, "20");
    await expectInStep();
    const [found] = await findings();
    expect(found).toMatchObject({
      finding: "nothing was committed for 300 s, though the server holds or has sent more",
      fix: expect.stringContaining("pg_blocking_pids(pid)"),
    });
    expect(found!["fix"]).toMatch(/; -- no row: kill -TERM 4711 # on machine; then start that worker again$/);
    expect((await db.query(String(found!["fix"]))).rows).toEqual([]);
  });

  test("a table that no worker takes", async () => {
    await stream.endPass("yielded");
    await clearQueue(db);
    await live(61);
    await expectInStep();
    expect(await findings()).toMatchObject([
      { finding: expect.stringMatching(/^no worker has held it for 60 s: no worker holds this stream/) },
    ]);
  });

  test("the shadow of a resync", async () => {
    await db.query("select ampsync.resync('chain', 'blocks')");
    const shadow = { code: "SY104", message: "it broke", hint: "Look." };
    await db.query(
      `update ampsync_private.stream set state = 'retrying', since = ampsync_private.now(), attempts = 1, error = $1
        where shadow_of is not null`,
      [shadow],
    );
    await live(326);
    await expectInStep();
    expect(await findings()).toMatchObject([
      { subject: "chain.blocks", finding: expect.stringMatching(/retried .* it broke$/) },
    ]);
  });

  test("a dataset whose look-up fails, once and not once more after an hour", async () => {
    await db.query("select ampsync.enqueue_sync('other')");
    for (let minutes = 0; minutes < 65; minutes++) {
      await db.query(
        `select ampsync_worker.defer_resolve(d.dataset_id, 'waiting', $1)
           from ampsync_private.dataset d where d.name = 'other'`,
        [{ code: "SY105", message: "the token is refused", hint: "Correct the token." }],
      );
      await live(60, "9");
    }
    await expectInStep();
    expect(await findings()).toMatchObject([
      {
        subject: "other",
        finding: "its look-up has failed for more than 300 s: the token is refused",
        fix: expect.stringMatching(/^select [^;]* where dataset = 'other'; -- Correct the token[.]/),
      },
    ]);
  });

  test("one that has failed, once, and with its own fix", async () => {
    await stream.endPass("failed", "SY201");
    await live(326);
    await expectInStep();
    expect(await findings()).toMatchObject([
      { finding: "it failed: it broke: while testing", fix: "select 1;" },
    ]);
  });
});

test("without a worker that is all there is to say", async () => {
  await stream.endPass("ended", "SY104");
  await live(326);
  await moveClock(db, "5 min");
  expect(await findings()).toMatchObject([{ subject: "workers", fix: "npx ampsync worker" }]);
});
