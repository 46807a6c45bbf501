import { expect, test } from "vitest";

import { backendOf, untilBlocked } from "../support/postgres/rivals.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";
import { COLUMNS, SqlStream } from "../support/postgres/sql-stream.ts";

const db = sharedDatabase();
const WIDER = [...COLUMNS, { name: "extra", type: "bigint", not_null: false }];

test("a change behind a long reader gives up, blocks nobody for longer, and succeeds when the reader ends (N51)", async () => {
  const stream = await SqlStream.prepare(db, { dataset: "waits" });
  const [reader, other, worker] = await Promise.all([db.client(), db.client(), db.client()]);
  const [readerPid, otherPid, workerPid] = await Promise.all([reader, other, worker].map(backendOf));
  await reader.query(`begin; select from ${stream.target}`);

  // As long as the change may wait: a second reader is seen behind it, and ends before the first one does.
  await worker.query("begin; set local deadlock_timeout = '20s'");
  const change = stream.through(worker).prepareTarget(WIDER);
  await untilBlocked(db, workerPid!);
  const read = other.query(`select from ${stream.target}`);
  expect(await change).toBeNull();
  await worker.query("commit");
  await read;
  const { rows: holders } = await db.query(
    "select pid from pg_locks where relation = $1::regclass and pid <> pg_backend_pid()",
    [stream.target],
  );
  expect(holders).toEqual([{ pid: readerPid }]);
  expect(otherPid).not.toBe(readerPid);

  expect(await stream.view()).toMatchObject({
    state: "retrying",
    error_code: "55P03",
    reason: "table waits.blocks is to be changed for a new schema, but is in use",
    detail: expect.stringContaining(`Used by backend ${readerPid} (`),
    hint: `select pg_terminate_backend(${readerPid}); -- Ends what uses it; retried automatically in any case.`,
  });
  await reader.query("commit");
  expect(await stream.prepareTarget(WIDER)).toEqual(["block_hash", "note", "extra"]);
});

test("two targets are locked within one time limit, and neither is left locked", async () => {
  const streams = [
    await SqlStream.prepare(db, { dataset: "pair_a" }),
    await SqlStream.prepare(db, { dataset: "pair_b" }),
  ];
  const reader = await db.client();
  await reader.query(`begin; select from ${streams[1]!.target}`);
  const { rows } = await db.query(
    "select ampsync_private.lock_for_change(array[$1::regclass, $2], 1) ->> 'message' as message",
    [streams[1]!.target, streams[0]!.target],
  );
  expect(rows[0]!["message"]).toContain("pair_b.blocks is to be changed");
  await reader.query("commit");
});

test("the fourth attempt is as short as the others where more than autovacuum is in the way", async () => {
  const stream = await SqlStream.prepare(db, { dataset: "patient" });
  const [reader, client] = await Promise.all([db.client(), db.client()]);
  await reader.query(`begin; select from ${stream.target}`);
  await client.query("begin; set local deadlock_timeout = '1h'"); // Longer than a test may take.
  expect(await stream.through(client).prepareTarget(WIDER, true, 4)).toBeNull();
  await client.query("rollback");
  await reader.query("rollback");
});
