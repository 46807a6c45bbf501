import type pg from "pg";
import { beforeEach, describe, expect, test } from "vitest";

import { moveClock } from "../support/postgres/clock.ts";
import { clearQueue } from "../support/postgres/queue.ts";
import { backendOf, untilBlocked } from "../support/postgres/rivals.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";
import { SqlStream, watermark } from "../support/postgres/sql-stream.ts";

const db = sharedDatabase();
let stream: SqlStream;
let writer: pg.Client;
let heart: pg.Client;
let datasets = 0;

beforeEach(async () => {
  datasets++;
  stream = await SqlStream.prepare(db, { dataset: `chain_${datasets}` });
  await stream.commit(0, 9);
  writer = await db.client();
  heart = await db.client();
});

async function beat({ worker = "worker-1", isWriterSilent = false } = {}): Promise<string> {
  const leases = JSON.stringify([
    { stream_id: stream.id, epoch: stream.epoch, head: null, writer_silent: isWriterSilent },
  ]);
  const { rows } = await heart.query("select verdict from ampsync_worker.renew_leases($1, $2)", [
    worker,
    leases,
  ]);
  return rows[0].verdict;
}

async function deleteJobs(): Promise<void> {
  await clearQueue(db);
}

test("a heartbeat does not queue behind a writing transaction, however long, not even a reorg's", async () => {
  await deleteJobs();
  await writer.query("begin");
  await stream.through(writer).beginApply({ from: 5, parentHash: watermark(0, 4).hash });
  await heart.query("set lock_timeout = '100ms'");
  expect(await beat()).toBe("keep");
  await writer.query("rollback");
});

test("a heartbeat goes on while a commit is under way, even one that hangs", async () => {
  await deleteJobs();
  await heart.query("set lock_timeout = '100ms'");
  await writer.query("begin");
  await stream.through(writer).apply(10, 19);
  expect(await beat()).toBe("keep");
  await writer.query("commit");
  expect(await stream.view()).toMatchObject({ block: "19" });
});

test("a commit goes on while a heartbeat is under way", async () => {
  await heart.query("begin");
  await beat();
  await writer.query("set lock_timeout = '100ms'");
  await writer.query("begin");
  await stream.through(writer).apply(10, 19);
  await writer.query("commit");
  await heart.query("commit");
  expect(await stream.view()).toMatchObject({ block: "19" });
});

test("the lease is checked last: one that is lost while a commit waits for a lock ends that commit", async () => {
  const pid = await backendOf(writer);
  const blocker = await db.client();
  await blocker.query("begin");
  await blocker.query("select from ampsync_private.stream where stream_id = $1 for update", [stream.id]);
  await writer.query("begin");
  const late = stream.through(writer);
  await late.beginApply();
  await late.insert(10, 19);
  const lost = expect(late.commitApply([watermark(10, 19)], 10, { expected: 9 })).rejects.toMatchObject({
    code: "SY001",
  });
  await untilBlocked(db, pid);
  await db.query("update ampsync_private.lease set epoch = epoch + 1 where stream_id = $1", [stream.id]);
  await blocker.query("commit");
  await lost;
  await writer.query("rollback");
});

test("a takeover waits for the moment of a commit, and a commit that comes too late waits for it, in vain", async () => {
  const pid = await backendOf(writer);
  await heart.query("begin");
  await heart.query("select from ampsync_private.lease where stream_id = $1 for update", [stream.id]);
  await heart.query("update ampsync_private.lease set epoch = epoch + 1 where stream_id = $1", [stream.id]);
  await writer.query("begin");
  const lost = expect(stream.through(writer).apply(10, 19)).rejects.toMatchObject({ code: "SY001" });
  await untilBlocked(db, pid);
  await heart.query("commit");
  await lost;
  await writer.query("rollback");
});

describe("while somebody decides about a lease, in a transaction that stays open", () => {
  const decisions = {
    "a takeover": () => stream.through(writer).acquire("worker-2"),
    "a pause": () => writer.query("select ampsync.pause_sync($1)", [`chain_${datasets}`]),
    "another address": () =>
      writer.query("select ampsync.set_source($1, 'http://amp:1602')", [`chain_${datasets}`]),
  };
  test.each(Object.entries(decisions))(
    "%s, the heartbeat renews the others, and learns at the next one",
    async (_, decide) => {
      const other = await SqlStream.prepare(db, { dataset: `other_${datasets}` });
      await deleteJobs();
      await moveClock(db, "31 s");
      await writer.query("begin");
      await decide();
      await heart.query("set lock_timeout = '100ms'");
      const leases = JSON.stringify(
        [stream, other].map(({ id, epoch }) => ({ stream_id: id, epoch, head: "100", network: "mainnet" })),
      );
      const verdicts = async () => {
        const { rows } = await heart.query(
          "select r.verdict from ampsync_worker.renew_leases('worker-1', $1) r order by r.stream_id = $2 desc",
          [leases, stream.id],
        );
        return rows.map((row) => row.verdict);
      };
      expect(await verdicts()).toEqual(["keep", "keep"]);
      expect(await other.acquire("worker-2")).toBeUndefined();
      await writer.query("commit");
      await deleteJobs(); // One that waits would ask for a slot.
      expect(await verdicts()).toEqual(["lost", "keep"]);
    },
  );
});

test("a takeover during a heartbeat waits for it and finds the lease renewed", async () => {
  await moveClock(db, "31 s");
  const pid = await backendOf(writer);
  await heart.query("begin");
  await beat();
  const row = stream.through(writer).acquire("worker-2");
  await untilBlocked(db, pid);
  await heart.query("commit");
  expect(await row).toBeUndefined();
});

test("end_pass and a commit lock in one order: neither is the victim of a deadlock", async () => {
  await writer.query("begin");
  const late = stream.through(writer);
  await late.beginApply({ from: 5, parentHash: watermark(0, 4).hash }); // Holds the stream row from here on.
  await late.insert(5, 9, "b");
  await moveClock(db, "31 s");

  const pid = await backendOf(heart);
  const ended = stream.through(heart).endPass("ended", "55P03", null);
  await untilBlocked(db, pid);
  await late.commitApply([watermark(5, 9, { fork: "b", parentFork: "a" })], 5);
  await writer.query("commit");
  await ended;
  expect(await stream.view()).toMatchObject({ state: "retrying", block: "9", rewrites: "1", worker: null });
});

describe("a writer that has waited for the server for too long", () => {
  const isWriterSilent = true;
  beforeEach(deleteJobs);

  /** Its backend begins to do something that takes its time; the result ends it. */
  async function work(writing: SqlStream): Promise<() => Promise<unknown>> {
    const pid = await backendOf(writer);
    await writer.query("begin");
    await writing.through(writer).beginApply();
    const ended = expect(writer.query("select pg_sleep(60)")).rejects.toThrow("terminating");
    return async () => {
      await db.query("select pg_terminate_backend($1)", [pid]);
      await ended;
    };
  }

  test("is left alone while its backend works", async () => {
    const end = await work(stream);
    expect(await beat({ isWriterSilent })).toBe("keep");
    await end();
  });

  test("is left alone while its backend waits for a lock", async () => {
    const pid = await backendOf(writer);
    const blocker = await db.client();
    await blocker.query(`begin; lock table ${stream.target} in share mode`);
    await writer.query("begin");
    const begun = stream.through(writer).beginApply();
    await untilBlocked(db, pid);
    expect(await beat({ isWriterSilent })).toBe("keep");
    await blocker.query("rollback");
    await begun;
    await writer.query("rollback");
  });

  test("is severed where its backend waits for it in turn, and only then", async () => {
    await writer.query("begin");
    await stream.through(writer).beginApply();
    expect(await beat({ isWriterSilent })).toBe("severed");
    expect(await beat()).toBe("keep");
    await writer.query("rollback");
  });

  test("is severed where no backend writes for its lease", async () => {
    expect(await beat({ isWriterSilent })).toBe("severed");
    const other = await SqlStream.prepare(db, { dataset: `chain_${++datasets}` });
    const end = await work(other);
    expect(await beat({ isWriterSilent })).toBe("severed");
    await end();
  });

  test("has lost its lease first of all, where it has", async () => {
    expect(await beat({ worker: "worker-2", isWriterSilent })).toBe("lost");
  });
});
