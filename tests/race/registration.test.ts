import type pg from "pg";
import { beforeEach, describe, expect, test } from "vitest";

import { backendOf, untilBlocked } from "../support/postgres/rivals.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";
import { registerDataset, SqlStream, waitingJobs } from "../support/postgres/sql-stream.ts";

const db = sharedDatabase();
let first: pg.Client;
let second: pg.Client;
let secondPid: number;
let datasets = 0;
let dataset: string;

beforeEach(async () => {
  datasets++;
  dataset = `chain_${datasets}`;
  first = await db.client();
  second = await db.client();
  secondPid = await backendOf(second);
});

describe("the same enqueue_sync from two connections at once", () => {
  const enqueue = (client: pg.Client) => client.query("select * from ampsync.enqueue_sync($1)", [dataset]);

  async function stored() {
    const { rows } = await db.query("select dataset_id from ampsync_private.dataset where name = $1", [
      dataset,
    ]);
    return rows;
  }

  test("makes one dataset and one job", async () => {
    await first.query("begin");
    await enqueue(first);
    const late = enqueue(second);
    await untilBlocked(db, secondPid);
    await first.query("commit");
    expect((await late).rows).toMatchObject([{ dataset, state: "waiting" }]);
    const rows = await stored();
    expect(rows).toHaveLength(1);
    expect(await waitingJobs(db, `ampsync_resolve:${rows[0]!["dataset_id"]}`)).toHaveLength(1);
  });

  test("still makes it where the first is rolled back", async () => {
    await first.query("begin");
    await enqueue(first);
    const late = enqueue(second);
    await untilBlocked(db, secondPid);
    await first.query("rollback");
    await late;
    const rows = await stored();
    expect(rows).toHaveLength(1);
    expect(await waitingJobs(db, `ampsync_resolve:${rows[0]!["dataset_id"]}`)).toHaveLength(1);
  });

  test("does not lose an option of either", async () => {
    await first.query("begin");
    await first.query("select ampsync.enqueue_sync($1, retention_blocks => 200)", [dataset]);
    const late = second.query("select ampsync.enqueue_sync($1, tables => '{blocks}')", [dataset]);
    await untilBlocked(db, secondPid);
    await first.query("commit");
    await late;
    const { rows } = await db.query(
      "select tables, retention_blocks from ampsync_private.dataset where name = $1",
      [dataset],
    );
    expect(rows).toEqual([{ tables: ["blocks"], retention_blocks: 200 }]);
  });
});

describe("register_streams from two connections at once", () => {
  test("makes one stream a table, with one job", async () => {
    const id = await registerDataset(db, dataset, []);
    const register = (client: pg.Client) =>
      client.query("select ampsync_worker.register_streams($1, '1.0.0', null, '{blocks,logs}')", [id]);
    await first.query("begin");
    await register(first);
    const late = register(second);
    await untilBlocked(db, secondPid);
    await first.query("commit");
    await late;
    const { rows } = await db.query("select stream_id from ampsync.streams where dataset = $1", [dataset]);
    expect(rows).toHaveLength(2);
    for (const row of rows) {
      expect(await waitingJobs(db, `ampsync_stream:${row["stream_id"]}`)).toHaveLength(1);
    }
  });

  test("gives a target to one of two datasets, and the other is told whose it is", async () => {
    const schema = `shared_${datasets}`;
    for (const name of [`${dataset}_a`, `${dataset}_b`]) {
      await db.query("select ampsync.enqueue_sync($1, target_schema => $2)", [name, schema]);
    }
    await first.query("begin");
    await registerDataset(first, `${dataset}_a`, ["blocks"]);
    const late = registerDataset(second, `${dataset}_b`, ["blocks"]);
    await untilBlocked(db, secondPid);
    await first.query("commit");
    await late;
    const { rows } = await db.query("select error_code, waiting_on from ampsync.status where dataset = $1", [
      `${dataset}_b`,
    ]);
    expect(rows).toEqual([
      {
        error_code: "SY003",
        waiting_on: `Target table ${schema}.blocks is already fed by ${dataset}_a.blocks`,
      },
    ]);
  });
});

describe("prepare_target of two streams at once", () => {
  async function registered(table: string, client: pg.Client): Promise<SqlStream> {
    const stream = (await SqlStream.register(db, { dataset, table })).through(client);
    await stream.acquire();
    return stream;
  }

  test("in a schema that neither finds makes the schema and its view once", async () => {
    await registerDataset(db, dataset, ["blocks", "logs"]);
    const blocks = await registered("blocks", first);
    const logs = await registered("logs", second);
    await first.query("begin");
    await blocks.prepareTarget();
    const late = logs.prepareTarget();
    await untilBlocked(db, secondPid);
    await first.query("commit");
    await late;
    const { rows } = await db.query(
      "select relname from pg_class where relnamespace = $1::regnamespace and relkind in ('r', 'v') order by 1",
      [dataset],
    );
    expect(rows.map((row) => row["relname"])).toEqual(["_ampsync_checkpoints", "blocks", "logs"]);
  });

  test("where the second is the same call again, of which the first goes on, finds the table made", async () => {
    const blocks = await registered("blocks", first);
    await first.query("begin");
    await blocks.prepareTarget();
    const again = blocks.through(second).prepareTarget();
    await untilBlocked(db, secondPid);
    await first.query("commit");
    await again;
  });

  test("makes its table once, where somebody changes the row of the stream meanwhile", async () => {
    await registerDataset(db, dataset, ["blocks"]);
    const blocks = await registered("blocks", second);
    await first.query("begin");
    await first.query("select ampsync.resume_sync($1)", [dataset]);
    const made = blocks.prepareTarget();
    await untilBlocked(db, secondPid);
    await first.query("commit");
    expect(await made).toEqual(["block_hash", "note"]);
  });

  test("does not wait in different schemas", async () => {
    const here = await registered("blocks", first);
    dataset = `${dataset}_b`;
    const there = await registered("blocks", second);
    await first.query("begin");
    await here.prepareTarget();
    await second.query("set lock_timeout = '100ms'");
    await there.prepareTarget();
    await first.query("commit");
  });
});
