// Takes 34 s.
import type pg from "pg";
import { beforeEach, describe, expect, test } from "vitest";

import { supervise } from "../support/postgres/queue.ts";
import { backendOf, untilBlocked } from "../support/postgres/rivals.ts";
import { shadowOf } from "../support/postgres/shadow.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";
import { COLUMNS, type SqlStream, waitingJobs } from "../support/postgres/sql-stream.ts";
import {
  advance,
  datasetId,
  loadedDataset,
  markLive,
  newTable,
  startUpgrade,
} from "../support/postgres/upgrade.ts";
import { waitFor } from "../support/wait-for.ts";

const OLD = "a0 a1 a2 a3 a4 a5 a6 a7 a8 a9";
const NEW = "b0 b1 b2 b3 b4 b5 b6 a7 a8 a9";
const OTHER = [{ name: "block_hash", type: "bytea", not_null: true }];

const db = sharedDatabase();
let datasets = 0;
let dataset = "";
/** `blocks`, which has other columns in version 2.0.0, and `logs`, which has the same. */
let streams: readonly SqlStream[] = [];

beforeEach(async () => {
  dataset = `chain_${++datasets}`;
  await db.query("begin");
  streams = await loadedDataset(db, ["blocks", "logs"], dataset);
  await startUpgrade(db, [newTable("blocks", OTHER), newTable("logs")], "2.0.0", dataset);
  for (const stream of streams) {
    const shadow = (await shadowOf(db, stream))!;
    await shadow.acquire("worker-2");
    await shadow.prepareTarget(stream === streams[0] ? OTHER : COLUMNS);
    await shadow.apply(0, 6, { fork: "b", expected: null });
    await shadow.apply(7, 9, { parentFork: "b", expected: 6 });
    await markLive(db, shadow);
  }
  await db.query("commit");
  expect(await advance(db, dataset)).toBe("freeze");
});

interface Stuck {
  readonly pid: number;
  readonly end: Promise<unknown>;
  /** Holds what it waits for. */
  readonly user: pg.Client;
}

/** A statement that stands still because a user holds something. */
async function stuck(hold: string, statement: string): Promise<Stuck> {
  const user = await db.client();
  await user.query(`begin; ${hold}`);
  const client = await db.client();
  const pid = await backendOf(client);
  const end = client
    .query(statement)
    .then(({ rows }) => Object.values(rows[0])[0])
    .catch((error: Error) => error);
  await untilBlocked(db, pid);
  return { pid, end, user };
}

const swap = async (hold: string) =>
  await stuck(hold, `select ampsync_worker.advance_upgrade(${await datasetId(db, dataset)})`);
const rollback = (hold: string) => stuck(hold, `select ampsync.rollback_version('${dataset}')`);

async function terminate(pid: number): Promise<void> {
  await db.query("select pg_terminate_backend($1)", [pid]);
  await waitFor(`backend ${pid} to end`, async () => {
    return (await db.query("select from pg_stat_activity where pid = $1", [pid])).rowCount === 0;
  });
}

/** What a reader sees of both tables in one statement, and which version the dataset has. */
async function seen(): Promise<readonly unknown[]> {
  const [blocks, logs] = streams;
  const rows = await Promise.all([blocks!.rows(), logs!.rows()]);
  const { rows: versions } = await db.query("select version from ampsync.status where dataset = $1", [
    dataset,
  ]);
  return [...rows, versions[0]!["version"]];
}

const rowLock = () => `select from ${dataset}.logs for update`;
const tableLock = () => `lock table ${dataset}.blocks in access share mode`;

describe("the swap of an upgrade", () => {
  test.each([
    ["merges", rowLock],
    ["waits for a table that is replaced", tableLock],
  ])("that is broken off while it %s leaves everything as it was, and is done again", async (_, hold) => {
    const { pid, end, user } = await swap(hold());
    expect(await seen()).toEqual([OLD, OLD, "1.0.0"]);
    await terminate(pid);
    expect(await end).toBeInstanceOf(Error);
    await user.query("rollback");
    expect(await seen()).toEqual([OLD, OLD, "1.0.0"]);

    await db.query("delete from graphile_worker._private_jobs");
    await supervise(db);
    expect(await waitingJobs(db, `ampsync_upgrade:${await datasetId(db, dataset)}`)).toHaveLength(1);
    expect(await advance(db, dataset)).toBe("swap");
    expect(await seen()).toEqual([NEW, NEW, "2.0.0"]);
  });

  test("shows readers the old rows of all tables until it commits, and they wait for nobody while it merges", async () => {
    const { end, user } = await swap(rowLock());
    const reader = await db.client();
    await reader.query("begin isolation level repeatable read");
    await reader.query("set local statement_timeout = '2s'");
    const join = `select count(*)::int as n from ${dataset}.blocks b join ${dataset}.logs l using (block_hash)`;
    expect((await reader.query(join)).rows).toEqual([{ n: 10 }]);
    await reader.query("commit");
    await user.query("rollback");
    expect(await end).toBe("swap");
    expect(await seen()).toEqual([NEW, NEW, "2.0.0"]);
  });

  test("waits for a reader of a table that is replaced, without holding up the next ones", async () => {
    const { end, user } = await swap(tableLock());
    const reader = await db.client();
    await reader.query("set statement_timeout = '2s'");
    for (let read = 0; read < 5; read++) await reader.query(`select from ${dataset}.blocks`);
    await user.query("commit");
    expect(await end).toBe("swap");
    expect(await seen()).toEqual([NEW, NEW, "2.0.0"]);
  });

  test("is one: a second one waits for it, and finds it done", async () => {
    const { end, user } = await swap(rowLock());
    const rival = await db.client();
    const pid = await backendOf(rival);
    const second = advance(rival, dataset);
    await untilBlocked(db, pid);
    await user.query("rollback");
    expect(await end).toBe("swap");
    expect(await second).toBeNull();
  });

  test.each([
    ["pause_sync", rowLock],
    ["cancel_resync", tableLock],
    ["drop_sync", rowLock],
  ])("is ended by %s, which takes effect at once", async (name, hold) => {
    const { end, user } = await swap(hold());
    await db.query(`select ampsync.${name}($1)`, [dataset]);
    expect(await end).toBeInstanceOf(Error);
    await user.query("rollback");
    if (name === "drop_sync") return;

    expect(await seen()).toEqual([OLD, OLD, "1.0.0"]);
    await db.query("select ampsync.resume_sync($1)", [dataset]);
    const { rows } = await db.query("select distinct new_version from ampsync.upgrades where dataset = $1", [
      dataset,
    ]);
    expect(rows).toEqual(name === "pause_sync" ? [{ new_version: "2.0.0" }] : []);
  });

  test("that waits behind another one is ended by a pause as well", async () => {
    const { end, user } = await swap(rowLock());
    const rival = await db.client();
    const pid = await backendOf(rival);
    const second = rival
      .query("select ampsync_worker.advance_upgrade($1)", [await datasetId(db, dataset)])
      .then(({ rows }) => rows[0]!["advance_upgrade"])
      .catch((error: Error) => error);
    await untilBlocked(db, pid);
    await db.query("select ampsync.pause_sync($1)", [dataset]);
    expect(await end).toBeInstanceOf(Error);
    const outcome = await second; // It gets the row before the pause, and is ended, or after it.
    expect(outcome === null || outcome instanceof Error).toBe(true);
    await user.query("rollback");
    expect(await seen()).toEqual([OLD, OLD, "1.0.0"]);
  });

  test("makes calls that must not end it give up after 5 s: they say since when it runs and what it waits for", async () => {
    const { pid, end, user } = await swap(rowLock());
    const holder = await backendOf(user);
    await Promise.all(
      ["resume_sync", "alter_sync", "resync", "rollback_version"].map(async (name) => {
        const rival = await db.client();
        await expect(rival.query(`select ampsync.${name}($1)`, [dataset])).rejects.toMatchObject({
          code: "55P03",
          message: `another transaction is deciding about ${dataset}`,
          hint: expect.stringMatching(
            new RegExp(
              `since \\d.* \\(backend ${pid}, which waits for backend ${holder}\\).*pause_sync\\('${dataset}'\\)`,
            ),
          ),
        });
      }),
    );
    await user.query("rollback");
    expect(await end).toBe("swap");
  });

  test("ends the writers of the new version, and their heartbeat does not wait", async () => {
    const shadow = (await shadowOf(db, streams[1]!))!;
    await shadow.acquire("worker-2");
    const { rows: leases } = await db.query("select epoch from ampsync_private.lease where stream_id = $1", [
      shadow.id,
    ]);
    const { end, user } = await swap(rowLock());
    const { rows } = await db.query("select verdict from ampsync_worker.renew_leases('worker-2', $1)", [
      JSON.stringify([{ stream_id: shadow.id, epoch: leases[0]!["epoch"] }]),
    ]);
    expect(rows).toHaveLength(1);
    shadow.epoch = leases[0]!["epoch"];
    await expect(shadow.beginApply()).rejects.toMatchObject({ code: "SY001" });
    await user.query("rollback");
    expect(await end).toBe("swap");
  });
});

describe("the indexes of an upgrade, which may take minutes,", () => {
  /** The build stands still because an expression of the user waits. */
  async function build(): Promise<Stuck> {
    await db.query("select ampsync_private.thaw_streams($1)", [await datasetId(db, dataset)]);
    await db.query("update ampsync_private.upgrade set next_retry = null");
    await db.query(`create or replace function public.waits(value bytea) returns bytea immutable language plpgsql as $$
      begin perform pg_advisory_xact_lock_shared(7); return value; end; $$`);
    await db.query(`create index on ${dataset}.blocks (public.waits(block_hash))`);
    return await stuck(
      "select pg_advisory_xact_lock(7)",
      `select ampsync_worker.build_indexes(${await datasetId(db, dataset)})`,
    );
  }

  test("hold up no call for the dataset", async () => {
    const { end, user } = await build();
    await db.query("set lock_timeout = '1s'");
    await db.query("select ampsync.alter_sync($1, retention_blocks => 100)", [dataset]);
    await db.query("select ampsync.resume_sync($1)", [dataset]);
    await db.query("reset lock_timeout");
    await user.query("rollback");
    expect(await end).toBe(1);
  });

  test.each(["pause_sync", "cancel_resync", "drop_sync"])("are ended by %s", async (name) => {
    const { end, user } = await build();
    await db.query(`select ampsync.${name}($1)`, [dataset]);
    expect(await end).toBeInstanceOf(Error);
    await user.query("rollback");
  });

  test("are built by one session", async () => {
    const { end, user } = await build();
    const { rows } = await db.query("select ampsync_worker.build_indexes($1) as built", [
      await datasetId(db, dataset),
    ]);
    expect(rows).toEqual([{ built: null }]);
    await user.query("rollback");
    expect(await end).toBe(1);
    expect(await advance(db, dataset)).toBe("freeze");
  });
});

describe("a rollback", () => {
  test.each([
    ["merges", rowLock],
    ["waits for a table that comes back", tableLock],
  ])("that is broken off while it %s leaves the new version, and can be called again", async (_, hold) => {
    expect(await advance(db, dataset)).toBe("swap");
    const { pid, end, user } = await rollback(hold());
    await terminate(pid);
    expect(await end).toBeInstanceOf(Error);
    await user.query("rollback");
    expect(await seen()).toEqual([NEW, NEW, "2.0.0"]);
    await db.query("select ampsync.rollback_version($1)", [dataset]);
    expect(await seen()).toEqual([OLD, OLD, "1.0.0"]);
  });

  test("that waits for drop_sync finds nothing to bring back", async () => {
    expect(await advance(db, dataset)).toBe("swap");
    const user = await db.client();
    await user.query("begin");
    await user.query("select ampsync.drop_sync($1)", [dataset]);
    const rival = await db.client();
    const pid = await backendOf(rival);
    const answer = rival
      .query("select ampsync.rollback_version($1)", [dataset])
      .catch((error: Error) => error);
    await untilBlocked(db, pid);
    await user.query("commit");
    expect(await answer).toMatchObject({ code: "SY003" });
  });

  test("called twice at once is done once", async () => {
    expect(await advance(db, dataset)).toBe("swap");
    const { end, user } = await rollback(rowLock());
    const rival = await db.client();
    const pid = await backendOf(rival);
    const second = rival
      .query("select ampsync.rollback_version($1)", [dataset])
      .catch((error: Error) => error);
    await untilBlocked(db, pid);
    await user.query("rollback");
    expect(await end).not.toBeInstanceOf(Error);
    expect(await second).toMatchObject({ code: "SY004" });
    expect(await seen()).toEqual([OLD, OLD, "1.0.0"]);
  });
});
