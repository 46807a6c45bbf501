import type pg from "pg";
import { beforeEach, expect, test } from "vitest";

import { backendOf, untilBlocked } from "../support/postgres/rivals.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";
import { SqlStream, watermark } from "../support/postgres/sql-stream.ts";

const db = sharedDatabase();
let first: pg.Client;
let second: pg.Client;
let datasets = 0;
let dataset: string;

beforeEach(async () => {
  datasets++;
  dataset = `queries_${datasets}`;
  first = await db.client();
  second = await db.client();
});

const queryOf = (condition: string) => JSON.stringify({ t: `select * from eth.logs where ${condition}` });

function enqueue(client: Pick<pg.Client, "query">, condition: string) {
  return client.query("select ampsync.enqueue_sync($1, queries => $2)", [dataset, queryOf(condition)]);
}

async function streams() {
  const { rows } = await db.query(
    "select s.stream_id, s.query from ampsync_private.stream s join ampsync_private.dataset d using (dataset_id) where d.name = $1",
    [dataset],
  );
  return rows;
}

test("the same queries from two connections at once make one stream", async () => {
  const pid = await backendOf(second);
  await first.query("begin");
  await enqueue(first, "true");
  const late = enqueue(second, "true");
  await untilBlocked(db, pid);
  await first.query("commit");
  await late;
  expect(await streams()).toHaveLength(1);
});

test("another query ends a first commit that is under way; a stream has rows of one query alone", async () => {
  await enqueue(first, "a");
  const [{ stream_id: id }] = (await streams()) as [{ stream_id: string }];
  const stream = new SqlStream(db, id, `${dataset}.t`, false, "0");
  await stream.acquire();
  await stream.prepareTarget();
  const writer = stream.through(first);
  first.on("error", () => {}); // Its backend is ended.
  await first.query("begin");
  await writer.beginApply();
  await writer.insert(0, 9);
  await enqueue(second, "b");
  await expect(writer.commitApply([watermark(0, 9)], 10)).rejects.toThrow();
  expect(await streams()).toMatchObject([{ query: "select * from eth.logs where b" }]);
  expect(await stream.rows()).toBe("");
  expect(await stream.acquire("worker-2")).toMatchObject({ query: "select * from eth.logs where b" });
});

test("another query after the first commit leaves the stream alone, whose writer goes on", async () => {
  await enqueue(first, "a");
  const [{ stream_id: id }] = (await streams()) as [{ stream_id: string }];
  const stream = new SqlStream(db, id, `${dataset}.t`, false, "0");
  await stream.acquire();
  await stream.prepareTarget();
  await stream.apply(0, 4);
  const writer = stream.through(first);
  await first.query("begin");
  await writer.beginApply();
  await writer.insert(5, 9);
  await enqueue(second, "b");
  await writer.commitApply([watermark(5, 9)], 5);
  await first.query("commit");
  expect(await streams()).toMatchObject([{ query: "select * from eth.logs where a" }]);
});
