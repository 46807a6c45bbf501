import { describe, expect, test } from "vitest";

import { backendOf, LOCKS_HERE, untilBlocked } from "../support/postgres/rivals.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";
import { COLUMNS, SqlStream } from "../support/postgres/sql-stream.ts";
import { waitFor } from "../support/wait-for.ts";

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
    `select pid from ${LOCKS_HERE} where relation = $1::regclass and pid <> pg_backend_pid()`,
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

/** Whether a change is seen waiting: it gives up after 300 ms. */
async function waitsOrEnds(pid: number, change: Promise<unknown>): Promise<boolean> {
  let isOver = false;
  let isWaiting = false;
  const end = () => {
    isOver = true;
  };
  change.then(end, end);
  await waitFor("the change to wait, or to give up", async () => {
    const { rowCount } = await db.query("select from pg_locks where pid = $1 and not granted", [pid]);
    isWaiting = rowCount === 1;
    return isWaiting || isOver;
  });
  return isWaiting;
}

test("a target whose schema goes while it is waited for is in the way of a change like any other, not an error", async () => {
  const [user, worker] = await Promise.all([db.client(), db.client()]);
  const workerPid = await backendOf(worker);
  let streams = 0;
  await waitFor("the schema to go in time", async () => {
    const dataset = `goes_${++streams}`;
    const stream = await SqlStream.prepare(db, { dataset });
    await user.query(`begin; lock table ${stream.target}; alter schema ${dataset} rename to ${dataset}_2`);
    const change = worker.query(
      "select ampsync_private.lock_for_change(array[s.target], 1) ->> 'code' as code from ampsync_private.stream s where s.stream_id = $1",
      [stream.id],
    );
    const isWaiting = await waitsOrEnds(workerPid, change);
    await user.query("commit");
    expect((await change).rows).toEqual([{ code: "55P03" }]);
    return isWaiting;
  });
});

describe("a table that is dropped while another one is waited for is no error", () => {
  test.each([
    ["of a change", "ampsync_private.lock_for_change($1::regclass[], 1)"],
    ["of a replacement", "ampsync_private.lock_tables('{}', $1::regclass[])"],
    ["of a drop", "ampsync_private.lock_dropped($1::regclass[])"],
  ])("%s", async (_, call) => {
    const [user, worker] = await Promise.all([db.client(), db.client()]);
    const workerPid = await backendOf(worker);
    await waitFor("both tables to be found before one is dropped", async () => {
      await user.query("create table held (); create table dropped ()");
      const { rows } = await user.query("select array['held', 'dropped']::regclass[]::oid[] as tables");
      await user.query("begin; lock table held");
      const locking = worker
        .query(`select ${call} as waits`, [rows[0].tables])
        .then(({ rows: [answer] }) => answer.waits?.code ?? "done")
        .catch(({ code }) => code);
      const isWaiting = await waitsOrEnds(workerPid, locking);
      await db.query("drop table dropped");
      await user.query("commit");
      expect(["done", "55P03", "42P01"]).toContain(await locking);
      await user.query("drop table held");
      return isWaiting;
    });
  });
});

test("a target that exchanges its name with another table while it is waited for: the other one is not taken for it", async () => {
  const stream = await SqlStream.prepare(db, { dataset: "exchanged" });
  const [user, worker] = await Promise.all([db.client(), db.client()]);
  const workerPid = await backendOf(worker);
  /** What is in the way; undefined where the exchange came later than the 300 ms for which it is waited. */
  async function exchange(): Promise<string | null | undefined> {
    await user.query(`create table exchanged.other ();
      begin;
      alter table exchanged.blocks rename to original;
      alter table exchanged.other rename to blocks`);
    const change = worker.query(
      "select ampsync_private.lock_for_change(array[s.target], 1) ->> 'message' as message from ampsync_private.stream s where s.stream_id = $1",
      [stream.id],
    );
    await waitsOrEnds(workerPid, change);
    await user.query("commit");
    const { message } = (await change).rows[0]!;
    await user.query("drop table exchanged.blocks; alter table exchanged.original rename to blocks");
    return message?.includes("is in use") ? undefined : message;
  }

  let message: string | null | undefined;
  await waitFor("the exchange to be in time", async () => {
    message = await exchange();
    return message !== undefined;
  });
  expect(message).toBe("table exchanged.blocks was renamed while it was about to be changed");
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
