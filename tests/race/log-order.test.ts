import type pg from "pg";
import { beforeEach, describe, expect, test } from "vitest";

import { LogFollower } from "../support/postgres/log-follower.ts";
import { shadowOf, swap } from "../support/postgres/shadow.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";
import { SqlStream } from "../support/postgres/sql-stream.ts";

const db = sharedDatabase();
let datasets = 0;
let dataset: string;
let user: pg.Client;

beforeEach(async () => {
  dataset = `chain_${++datasets}`;
  user = await db.client();
});

async function published(table = "blocks"): Promise<SqlStream> {
  const stream = await SqlStream.prepare(db, { dataset, table });
  await stream.commit(0, 9);
  await db.query("select ampsync.publish_dataset($1)", [dataset]);
  await activate();
  return stream;
}

const activate = () => db.query("select ampsync_worker.activate_targets()");

const states = async () =>
  (
    await db.query("select table_name, state from ampsync.publications where dataset = $1 order by 1", [
      dataset,
    ])
  ).rows.map((row) => `${row["table_name"]} ${row["state"]}`);

describe("a transaction of a user that stays open", () => {
  test("after publish holds up no commit, no supervisor and no other table", async () => {
    const stream = await SqlStream.prepare(db, { dataset });
    const other = await SqlStream.prepare(db, { dataset: `${dataset}_other` });
    await user.query("begin");
    await user.query(`select ampsync.publish_dataset($1)`, [dataset]);
    await stream.commit(0, 9);
    await db.query("select ampsync_worker.supervise()");
    await db.query("select ampsync.publish_dataset($1)", [`${dataset}_other`]);
    await activate();
    await other.commit(0, 9);
    expect(await states()).toEqual([]);

    await user.query("commit");
    await activate();
    expect(await states()).toEqual([`${dataset}.blocks live`]);
  });

  test("after unpublish holds up no commit and no supervisor, and what is committed meanwhile is in the log", async () => {
    const stream = await published();
    await user.query("begin");
    await user.query("select ampsync.unpublish_dataset($1)", [dataset]);
    const { rows: before } = await db.query("select ampsync.head() as head");
    await stream.commit(10, 19);
    await db.query("select ampsync_worker.supervise()");
    await activate();
    const { rows: after } = await db.query("select operation from ampsync.read_changes($1)", [
      before[0]!["head"],
    ]);
    expect(after).toEqual([{ operation: "append" }]);
    await user.query("rollback");
    await stream.commit(20, 29);
    expect(await states()).toEqual([`${dataset}.blocks live`]);
  });

  test("with the row of a stream keeps that table from going live, and no other", async () => {
    const stream = await SqlStream.prepare(db, { dataset });
    const { rows } = await db.query("select dataset_id from ampsync_private.dataset where label = $1", [
      dataset,
    ]);
    await db.query("select ampsync_worker.register_streams($1, '1.0.0', null, '{blocks,logs}')", [
      rows[0]!["dataset_id"],
    ]);
    const { rows: logs } = await db.query(
      "select stream_id, target from ampsync.streams where dataset = $1 and table_name = 'logs'",
      [dataset],
    );
    const other = new SqlStream(db, logs[0]!["stream_id"], logs[0]!["target"], true, "0");
    await other.acquire();
    await other.prepareTarget();
    await db.query("select ampsync.publish_dataset($1)", [dataset]);
    await user.query("begin");
    await user.query("select from ampsync_private.stream where stream_id = $1 for no key update", [
      stream.id,
    ]);
    await activate();
    expect(await states()).toEqual([`${dataset}.blocks starting`, `${dataset}.logs live`]);
    await user.query("commit");
    await activate();
    expect(await states()).toEqual([`${dataset}.blocks live`, `${dataset}.logs live`]);
  });
});

test("commits, swaps, repairs, entries of captured tables and publications never wait for each other in a circle", async () => {
  const ROUNDS = 12;
  const lanes: Lane[] = [];
  for (const letter of ["a", "b", "c"]) {
    const client = await db.client();
    const name = `${dataset}_${letter}`;
    const stream = await SqlStream.prepare(client, { dataset: name });
    await stream.commit(0, 9);
    await db.query("select ampsync.publish_dataset($1)", [name]);
    lanes.push({ client, stream, name });
  }
  await activate();
  const follower = new LogFollower(await db.client());
  await follower.isolatedStep();
  const [committing, swapping, repairing] = lanes as [Lane, Lane, Lane];
  const capturing = await db.client();
  const publishing = await db.client();

  await Promise.all([
    repeat(ROUNDS * 4, async (n) => committing.stream.commit(10 + n, 10 + n)),
    repeat(ROUNDS / 4, () => resync(swapping)),
    repeat(ROUNDS, () => repair(repairing)),
    repeat(ROUNDS * 2, async () => {
      await capturing.query("begin");
      await capturing.query(
        `select ampsync_private.raise_floor(p.published_id, 'a test')
           from ampsync_private.published p where p.stream_id = $1`,
        [committing.stream.id],
      );
      await capturing.query("commit");
    }),
    repeat(ROUNDS, async () => {
      await publishing.query("select ampsync.unpublish_dataset($1)", [repairing.name]);
      await publishing.query("select ampsync.publish_dataset($1)", [repairing.name]);
      await publishing.query("select ampsync_worker.activate_targets()");
    }),
    repeat(ROUNDS, async () => expect(await follower.isolatedStep()).toEqual([])),
  ]);
  expect(await follower.isolatedStep()).toEqual([]);
});

interface Lane {
  readonly client: pg.Client;
  readonly stream: SqlStream;
  readonly name: string;
}

async function repeat(times: number, work: (n: number) => Promise<unknown>): Promise<void> {
  for (let n = 0; n < times; n++) await work(n);
}

async function resync({ client, stream, name }: Lane): Promise<void> {
  await client.query("select ampsync.resync($1)", [name]);
  const shadow = (await shadowOf(client, stream))!;
  await shadow.acquire("worker-2");
  await shadow.prepareTarget();
  await shadow.commit(0, 9, { fork: "b", expected: null });
  expect(await swap(client, shadow)).toBe(true);
}

async function repair({ client, stream, name }: Lane): Promise<void> {
  await client.query("select ampsync.repair($1, 'blocks', 3, 4)", [name]);
  await client.query("begin");
  await client.query("call ampsync_worker.begin_repair($1, $2, 3, 4)", [stream.id, stream.epoch]);
  await stream.insert(3, 4);
  await client.query("call ampsync_worker.commit_repair($1, $2, 3, 4, null, 2)", [stream.id, stream.epoch]);
  await client.query("commit");
}
