import { beforeEach, describe, expect, test } from "vitest";

import { letTimePassWithin } from "../../support/postgres/clock.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { SqlStream } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();
const NOTHING_UNDER_WAY = { started: null, elapsed_s: null, left: null };

let stream: SqlStream;
beforeEach(async () => {
  stream = await SqlStream.prepare(db);
});

/** The row of the stream; `left` is the time to its end as a multiple of the time since its beginning, whatever the clock adds. */
async function progress() {
  const { rows } = await db.query(
    `select p.*, floor(extract(epoch from p.elapsed))::int as elapsed_s,
            round((extract(epoch from p.eta - c.now) / nullif(extract(epoch from p.elapsed), 0))::numeric, 1)::float8 as left
       from (select ampsync_private.now() as now) c, ampsync.progress p where p.stream_id = $1`,
    [stream.id],
  );
  return rows[0]!;
}

async function beat({ id, epoch }: SqlStream, head: string): Promise<void> {
  const lease = { stream_id: id, epoch, head, network: "mainnet" };
  await db.query("select ampsync_worker.renew_leases('worker-1', $1)", [JSON.stringify([lease])]);
}

describe("a stream that has loaded nothing", () => {
  test("is waiting, and nothing is said that nobody knows", async () => {
    await beat(stream, "999");
    expect(await progress()).toMatchObject({
      dataset: "chain",
      table_name: "blocks",
      target: "chain.blocks",
      phase: "waiting",
      block: null,
      head: "999",
      blocks_done: null,
      blocks_total: null,
      rows: "0",
      bytes: null,
      eta: null,
    });
  });

  test("starts with the pass that finds data, not with one that found none", async () => {
    await stream.endPass("no_data", "SY103");
    await letTimePassWithin(db, "1 hour");
    await stream.acquire();
    await letTimePassWithin(db, "20 s");
    await stream.apply(0, 9);
    expect(await progress()).toMatchObject({ phase: "backfill", elapsed_s: 20 });
  });
});

describe("a backfill", () => {
  beforeEach(async () => {
    await letTimePassWithin(db, "100 s");
    await stream.apply(0, 249);
    await beat(stream, "999");
  });

  test("shows what is done of what there is, and when it will be over at its average speed", async () => {
    expect(await progress()).toMatchObject({
      phase: "backfill",
      block: "249",
      head: "999",
      blocks_done: "250",
      blocks_total: "1000",
      rows: "250",
      rows_per_s: expect.any(Number),
      started: expect.any(Date),
      elapsed_s: 100,
      left: 3,
    });
  });

  test("counts from the first block of its table, which need not be 0", async () => {
    const late = await SqlStream.prepare(db, { dataset: "late" });
    await late.apply(100, 149);
    await beat(late, "299");
    stream = late;
    expect(await progress()).toMatchObject({ blocks_done: "50", blocks_total: "200" });
  });

  test("has no end that is known once no worker tells the head, nor total where the head is below it", async () => {
    await letTimePassWithin(db, "13 s");
    expect(await progress()).toMatchObject({
      head: null,
      blocks_done: "250",
      blocks_total: null,
      elapsed_s: 113,
      eta: null,
    });
    await beat(stream, "200");
    expect(await progress()).toMatchObject({ head: "200", blocks_total: null, eta: null });
  });

  test("goes on through an error, the next pass and another worker, and has no end while it retries", async () => {
    await stream.endPass("ended");
    await letTimePassWithin(db, "100 s");
    await stream.acquire("worker-2");
    await db.query("update ampsync_private.head set reported_at = ampsync_private.now()");
    expect(await progress()).toMatchObject({
      phase: "retrying",
      elapsed_s: 200,
      blocks_total: "1000",
      eta: null,
    });
    await stream.apply(250, 499);
    expect(await progress()).toMatchObject({ phase: "backfill", elapsed_s: 200, left: 1 });
  });

  test("that was paused or failed is not under way; resumed, it is timed from the new beginning", async () => {
    await db.query("select ampsync.pause_sync('chain')");
    expect(await progress()).toMatchObject({ phase: "paused", blocks_done: "250", ...NOTHING_UNDER_WAY });
    await letTimePassWithin(db, "1 day");
    await db.query("select ampsync.resume_sync('chain')");
    await stream.acquire();
    await letTimePassWithin(db, "10 s");
    await stream.apply(250, 349);
    await beat(stream, "999");
    expect(await progress()).toMatchObject({ blocks_done: "350", elapsed_s: 10, left: 6.5 });
    await stream.endPass("failed");
    expect(await progress()).toMatchObject({ phase: "failed", ...NOTHING_UNDER_WAY });
  });

  test("is over at the head, and begins again where a live stream falls behind", async () => {
    await db.query("select ampsync_worker.mark_live($1, $2)", [stream.id, stream.epoch]);
    await beat(stream, "249");
    expect(await progress()).toMatchObject({
      phase: "live",
      blocks_done: "250",
      blocks_total: "250",
      ...NOTHING_UNDER_WAY,
    });
    await db.query("select ampsync_worker.mark_behind($1, $2)", [stream.id, stream.epoch]);
    await letTimePassWithin(db, "50 s");
    await beat(stream, "999");
    expect(await progress()).toMatchObject({ phase: "backfill", elapsed_s: 50, eta: null });
    await stream.apply(250, 499);
    expect(await progress()).toMatchObject({ elapsed_s: 50, left: 2 });
  });

  test("that follows an error of a live stream begins with the commit that ends the error", async () => {
    const { id, epoch } = stream;
    await db.query("select ampsync_worker.mark_live($1, $2)", [id, epoch]);
    await db.query(
      `select ampsync_worker.mark_retrying($1, $2, '{"code": "SY104", "message": "it broke"}')`,
      [id, epoch],
    );
    expect(await progress()).toMatchObject({ phase: "retrying", ...NOTHING_UNDER_WAY });
    await stream.apply(250, 499);
    expect(await progress()).toMatchObject({ phase: "backfill", elapsed_s: 0, eta: null });
    await letTimePassWithin(db, "10 s");
    await stream.apply(500, 749);
    await beat(stream, "999");
    expect(await progress()).toMatchObject({ elapsed_s: 10, left: 1 });
  });

  test("has no end that is known while a reorg takes it below where it began", async () => {
    await db.query("select ampsync_worker.mark_live($1, $2)", [stream.id, stream.epoch]);
    await db.query("select ampsync_worker.mark_behind($1, $2)", [stream.id, stream.epoch]);
    await stream.apply(250, 259);
    await stream.replace(250, 250, { fork: "b" });
    await letTimePassWithin(db, "10 s");
    await beat(stream, "999");
    expect(await progress()).toMatchObject({ blocks_done: "251", eta: expect.any(Date) });
    await db.query("update ampsync_private.stream set load_from = 400 where stream_id = $1", [stream.id]);
    expect(await progress()).toMatchObject({ blocks_done: "251", eta: null });
  });

  test("shows bytes once they were counted", async () => {
    await db.query(`analyze ${stream.target}`);
    const { rows } = await db.query("select pg_relation_size($1::regclass, 'main') as size", [stream.target]);
    expect(Number(rows[0]!["size"])).toBeGreaterThan(0);
    expect(await progress()).toMatchObject({ bytes: rows[0]!["size"] });
  });

  test("in the future, because the clock of the database was set back, has not lasted less than nothing", async () => {
    await letTimePassWithin(db, "-1 hour");
    expect(await progress()).toMatchObject({ elapsed_s: 0 });
  });
});

describe("a resync", () => {
  let shadow: SqlStream;
  beforeEach(async () => {
    await stream.apply(0, 99);
    await db.query("select ampsync.resync('chain', 'blocks')");
    const { rows } = await db.query(
      "select s.stream_id, s.target_schema || '.' || s.target_table as target from ampsync_private.stream s where s.shadow_of = $1",
      [stream.id],
    );
    shadow = new SqlStream(db, rows[0]!["stream_id"], rows[0]!["target"], true, "0");
    await shadow.acquire();
    await shadow.prepareTarget();
  });

  test("shows what its new rows have reached, not what readers see", async () => {
    expect(await progress()).toMatchObject({ phase: "resyncing", blocks_done: null, rows: "0", eta: null });
    await letTimePassWithin(db, "10 s");
    await shadow.apply(0, 24, { expected: null });
    await beat(shadow, "99");
    expect(await stream.view()).toMatchObject({ block: "99", rows: "100" });
    expect(await progress()).toMatchObject({
      target: "chain.blocks",
      phase: "resyncing",
      block: "24",
      blocks_done: "25",
      blocks_total: "100",
      rows: "25",
      elapsed_s: 10,
      left: 3,
    });
  });

  test("that is cancelled leaves nothing under way until the next pass", async () => {
    await db.query("select ampsync.cancel_resync('chain')");
    expect(await progress()).toMatchObject({ phase: "retrying", blocks_done: "100", ...NOTHING_UNDER_WAY });
  });

  test("is over when its rows are merged", async () => {
    await shadow.apply(0, 99, { expected: null });
    await db.query("select ampsync_worker.mark_live($1, $2)", [shadow.id, shadow.epoch]);
    await db.query("select ampsync_worker.swap_resync($1)", [shadow.id]);
    await beat(stream, "99");
    expect(await progress()).toMatchObject({ blocks_done: "100", rows: "100", ...NOTHING_UNDER_WAY });
  });
});
