import { beforeEach, describe, expect, test } from "vitest";

import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";
import { SqlStream } from "../../support/postgres/sql-stream.ts";

const db = sharedDatabase();
let heard: unknown[];
let listener: Awaited<ReturnType<typeof db.client>>;
let datasets = 0;

beforeEach(async () => {
  const own: unknown[] = [];
  heard = own;
  listener = await db.client();
  listener.on("notification", ({ payload }) => own.push(JSON.parse(payload ?? "")));
  await listener.query("listen ampsync");
});

interface Commit {
  readonly stream: SqlStream;
  readonly block: number;
  readonly replaced?: number;
}

async function announce(...commits: readonly Commit[]) {
  const { rows } = await db.query("select ampsync_worker.announce($1) as done", [asJson(commits)]);
  await listener.query("select 1"); // What was sent before arrives with the answer.
  return rows[0]!["done"];
}

function asJson(commits: readonly Commit[]): string {
  return JSON.stringify(
    commits.map(({ stream, block, replaced }) => ({ stream_id: stream.id, block: `${block}`, replaced })),
  );
}

test("a commit and a reorg are told with dataset, table and block", async () => {
  const stream = await SqlStream.prepare(db, { dataset: "eth/chain" });
  expect(await announce({ stream, block: 9 })).toBe(true);
  expect(await announce({ stream, block: 9, replaced: 7 })).toBe(true);
  expect(heard).toEqual([
    { kind: "commit", dataset: "eth/chain", table: "blocks", block: 9 },
    { kind: "reorg", dataset: "eth/chain", table: "blocks", block: 9, from_block: 7 },
  ]);
});

test("one call tells of the commits of all streams", async () => {
  const streams = [1, 2].map(async () => SqlStream.prepare(db, { dataset: `chain_${++datasets}` }));
  const [first, second] = [await streams[0]!, await streams[1]!];
  expect(await announce({ stream: first, block: 3 }, { stream: second, block: 9, replaced: 4 })).toBe(true);
  expect(heard).toMatchObject([
    { kind: "commit", block: 3 },
    { kind: "reorg", block: 9, from_block: 4 },
  ]);
});

test("of a shadow, and of a stream that is gone, nothing is told", async () => {
  const stream = await SqlStream.prepare(db, { dataset: `chain_${++datasets}` });
  await stream.commit(0, 9);
  await db.query("select ampsync.resync($1)", [`chain_${datasets}`]);
  const { rows } = await db.query("select s.stream_id from ampsync_private.stream s where s.shadow_of = $1", [
    stream.id,
  ]);
  const shadow = new SqlStream(db, rows[0]!["stream_id"], stream.target, true, "0");
  const gone = new SqlStream(db, "999999", stream.target, true, "0");
  expect(await announce({ stream: shadow, block: 4 }, { stream: gone, block: 4 })).toBe(true);
  expect(heard).toEqual([]);
});

describe("in a transaction that is rolled back", () => {
  const rolledBack = rolledBackDatabase();

  async function announceIn(stream: SqlStream) {
    const { rows } = await rolledBack.query("select ampsync_worker.announce($1) as done", [
      asJson([{ stream, block: 9 }]),
    ]);
    return rows[0]!["done"];
  }

  test("false is answered while the lock of all notifications is held, and nothing waits", async () => {
    const stream = await SqlStream.register(rolledBack);
    expect(await announceIn(stream)).toBe(true);
    await rolledBack.query(
      "create or replace function ampsync_private.notify_waits() returns boolean language sql as 'select true'",
    );
    expect(await announceIn(stream)).toBe(false);
  });

  test("what is too long for a notification is not sent, and is no error", async () => {
    const stream = await SqlStream.register(rolledBack);
    await rolledBack.query("update ampsync_private.stream set table_name = repeat('x', 8000)");
    expect(await announceIn(stream)).toBe(true);
  });
});
