// Takes 17 s.
import type pg from "pg";
import { beforeEach, describe, expect, test } from "vitest";

import { supervise } from "../support/postgres/queue.ts";
import { backendOf, untilBlocked } from "../support/postgres/rivals.ts";
import { shadowOf, swap } from "../support/postgres/shadow.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";
import {
  COLUMNS,
  type Connection,
  SqlStream,
  waitingJobs,
  watermark,
} from "../support/postgres/sql-stream.ts";
import { adopt as adoptVersion, offer } from "../support/postgres/versions.ts";
import { waitFor } from "../support/wait-for.ts";

/** The next version has one more column. */
const NEXT = [...COLUMNS, { name: "size", type: "bigint", not_null: false }];

const db = sharedDatabase();
let datasets = 0;
let dataset: string;
let datasetId: string;
/** With blocks 0 to 9, and its lease in the hands of worker-1. Offered is version 1.1.0. */
let stream: SqlStream;

beforeEach(async () => {
  dataset = `chain_${++datasets}`;
  stream = await SqlStream.prepare(db, { dataset });
  await stream.commit(0, 9);
  const { rows } = await db.query("select dataset_id from ampsync_private.dataset where label = $1", [
    dataset,
  ]);
  datasetId = rows[0]!["dataset_id"];
  await offer(db, "1.1.0", { dataset });
});

/** What a reload calls; `more` are new tables. */
async function adopt(client: Connection = db, more: readonly string[] = []): Promise<string> {
  const tables = [{ table: "blocks", columns: NEXT }, ...more.map((table) => ({ table, columns: null }))];
  return await adoptVersion(client, "1.1.0", tables, { dataset });
}

/** A reload whose transaction stays open; every other one waits, or gives up. */
async function openReload(): Promise<pg.Client> {
  const client = await db.client();
  await client.query("begin");
  expect(await adopt(client)).toBe("adopted");
  return client;
}

/** The same of any statement. */
async function open(statement: string): Promise<pg.Client> {
  const client = await db.client();
  await client.query("begin");
  await client.query(statement);
  return client;
}

/** A call that waits for somebody else. It never rejects, but answers with the error. */
async function waiting<T>(
  call: (client: pg.Client) => Promise<T>,
): Promise<{ pid: number; answer: Promise<T | Error> }> {
  const client = await db.client();
  const pid = await backendOf(client);
  const answer = call(client).catch((error: Error) => error);
  await untilBlocked(db, pid);
  return { pid, answer };
}

/** A writer in the middle of a transaction. */
async function openWriter() {
  const client = await db.client();
  const writer = stream.through(client);
  await client.query("begin");
  await writer.beginApply();
  await writer.insert(10, 14);
  return {
    async commit() {
      await writer.commitApply([watermark(10, 14)], 5);
      await client.query("commit");
    },
    rollback: () => client.query("rollback"),
  };
}

/** What a reload changes. */
async function state() {
  const { rows } = await db.query(
    `select d.resolved_version as version, d.offered_version as offered, s.version as read, s.state,
            exists (select 1 from pg_attribute a where a.attrelid = s.target and a.attname = 'size') as has_size
       from ampsync_private.dataset d
       join ampsync_private.stream s using (dataset_id)
      where d.label = $1 and s.shadow_of is null`,
    [dataset],
  );
  return rows[0];
}

const UNCHANGED = { version: "1.0.0", offered: "1.1.0", read: "1.0.0", state: "backfill", has_size: false };
const ADOPTED = { version: "1.1.0", offered: null, read: "1.1.0", state: "backfill", has_size: true };

async function dueInS(): Promise<number> {
  return (await waitingJobs(db, `ampsync_reload:${datasetId}`))[0]?.due_in_s;
}

async function beat(): Promise<string> {
  const { rows } = await db.query("select verdict from ampsync_worker.renew_leases('worker-1', $1)", [
    JSON.stringify([{ stream_id: stream.id, epoch: stream.epoch }]),
  ]);
  return rows[0]!["verdict"];
}

describe("a writer in mid-transaction", () => {
  test("is neither ended nor waited for longer than an instant: the reload comes back, and then finds its rows", async () => {
    const writer = await openWriter();
    expect(await adopt()).toBe("in use");
    expect(await state()).toEqual(UNCHANGED);
    expect(await dueInS()).toBeLessThan(1.3);
    await writer.commit();
    expect(await adopt()).toBe("adopted");
    expect(await state()).toEqual(ADOPTED);
    expect((await stream.rows()).split(" ")).toHaveLength(15);
  });

  test("that begins during the reload waits for it, and commits rows of the old version", async () => {
    const reload = await openReload();
    const { answer } = await waiting(async (client) => {
      const writer = stream.through(client);
      await client.query("begin");
      await writer.apply(10, 14, { expected: 9 });
      await client.query("commit");
    });
    await reload.query("commit");
    expect(await answer).toBeUndefined();
    const { rows } = await db.query(
      "select version, first_block::int from ampsync.version_history where dataset = $1",
      [dataset],
    );
    expect(rows).toEqual([{ version: "1.0.0", first_block: 0 }]);
  });

  test("three times in a row: all writers of the dataset rest, so that the table becomes free; then they go on at once", async () => {
    const writer = await openWriter();
    for (const verdict of ["keep", "keep", "yield"]) {
      expect(await adopt()).toBe("in use");
      await db.query(
        "select graphile_worker.remove_job(key) from graphile_worker.jobs where key is not null",
      );
      expect(await beat()).toBe(verdict);
    }
    await writer.commit();
    await stream.endPass("yielded");
    expect(await stream.acquire()).toBeUndefined();
    expect(await adopt()).toBe("adopted");
    const [job] = await waitingJobs(db, `ampsync_stream:${stream.id}`);
    expect(job!.due_in_s).toBeLessThan(0.5);
    expect(await stream.acquire()).toMatchObject({ source_schema: `_/${dataset}@1.1.0` });
  });
});

test("behind a reader of the table the reload gives up at once and says who it is; our writers do not rest for that", async () => {
  const reader = await open(`select from ${stream.target} limit 1`);
  for (let attempt = 1; attempt <= 3; attempt++) expect(await adopt()).toBe("in use");
  const { rows } = await db.query("select waiting_on, hint from ampsync.status where dataset = $1", [
    dataset,
  ]);
  expect(rows[0]!["waiting_on"]).toContain("is in use");
  expect(rows[0]!["hint"]).toContain("pg_terminate_backend");
  await db.query("select graphile_worker.remove_job(key) from graphile_worker.jobs where key is not null");
  expect(await beat()).toBe("keep");
  await stream.commit(10, 14);
  await reader.query("rollback");
  expect(await adopt()).toBe("adopted");
});

test("a writer that waits behind the reload, which waits for a reader, is not taken for what is in the way: no writer rests", async () => {
  const reader = await open(`select from ${stream.target} limit 1`);
  for (let attempt = 1; attempt <= 3; attempt++) {
    const reload = await waiting((client) => adopt(client));
    const writer = openWriter();
    expect(await reload.answer).toBe("in use");
    await (await writer).rollback();
  }
  await db.query("select graphile_worker.remove_job(key) from graphile_worker.jobs where key is not null");
  expect(await beat()).toBe("keep");
  await reader.query("rollback");
});

test("behind the swap of a resync the reload comes back; our writers do not rest for that", async () => {
  await db.query("select ampsync.resync($1, 'blocks')", [dataset]);
  const shadow = (await shadowOf(db, stream))!;
  await shadow.acquire("worker-2");
  await shadow.prepareTarget();
  await shadow.commit(0, 9, { expected: null });
  await db.query("select ampsync_worker.mark_live($1, $2)", [shadow.id, shadow.epoch]);
  const client = await db.client();
  await client.query("begin");
  expect(await swap(client, shadow)).toBe(true);
  for (let attempt = 1; attempt <= 3; attempt++) expect(await adopt()).toBe("in use");
  const { rows } = await db.query("select quiesce_until from ampsync_private.dataset where label = $1", [
    dataset,
  ]);
  expect(rows).toEqual([{ quiesce_until: null }]);
  await client.query("commit");
  expect(await adopt()).toBe("adopted");
  expect(await state()).toEqual(ADOPTED);
});

describe("while a reload is under way", () => {
  test("another reload, which begins in the middle of it, finds nothing left to do", async () => {
    const reload = await openReload();
    const client = await db.client();
    const answer = adopt(client).catch((error: Error) => error);
    await reload.query("commit");
    expect(["stale", expect.objectContaining({ code: "55P03" })]).toContainEqual(await answer); // After 300 ms.
    expect(await adopt()).toBe("stale");
    expect(await state()).toEqual(ADOPTED);
    const { rowCount } = await db.query(
      "select from ampsync.events where dataset = $1 and event = 'version_reload_success'",
      [dataset],
    );
    expect(rowCount).toBe(1);
  });

  test("another reload that has waited for 300 ms gives up, and can be repeated", async () => {
    const reload = await openReload();
    await expect(adopt()).rejects.toMatchObject({ code: "55P03" });
    await reload.query("rollback");
    expect(await adopt()).toBe("adopted");
  });

  test.each([
    ["pause_sync", { ...ADOPTED, state: "paused" }],
    ["resume_sync", ADOPTED],
    ["resync", { ...ADOPTED, state: "resyncing" }],
  ])("%s waits, and then does what it says with the new version", async (call, expected) => {
    const reload = await openReload();
    const { answer } = await waiting((client) => client.query(`select ampsync.${call}($1)`, [dataset]));
    await reload.query("commit");
    expect(await answer).not.toBeInstanceOf(Error);
    expect(await state()).toEqual(expected);
    const shadow = await shadowOf(db, stream);
    expect((await shadow?.acquire("worker-2")) ?? null).toEqual(
      call === "resync" ? expect.objectContaining({ source_schema: `_/${dataset}@1.1.0` }) : null,
    );
  });

  test("drop_sync waits, and then leaves nothing of the dataset", async () => {
    const reload = await openReload();
    const { answer } = await waiting((client) => client.query("select ampsync.drop_sync($1)", [dataset]));
    await reload.query("commit");
    expect(await answer).not.toBeInstanceOf(Error);
    expect(await state()).toBeUndefined();
    expect(await dueInS()).toBeUndefined();
  });

  test("alter_sync waits, and its new table is one of the new version", async () => {
    await db.query("select ampsync.alter_sync($1, tables => '{blocks}')", [dataset]);
    const reload = await openReload();
    const { answer } = await waiting((client) =>
      client.query("select ampsync.alter_sync($1, tables => '{blocks,logs}')", [dataset]),
    );
    await reload.query("commit");
    expect(await answer).not.toBeInstanceOf(Error);
    const { rows } = await db.query("select (ampsync_worker.begin_resolve($1)).revision", [datasetId]);
    expect(rows).toEqual([{ revision: "1.1.0" }]);
  });

  test("the next pass waits, and reads the new version", async () => {
    await stream.endPass("yielded");
    const reload = await openReload();
    const { answer } = await waiting((client) => stream.through(client).acquire());
    await reload.query("commit");
    expect(await answer).toMatchObject({ source_schema: `_/${dataset}@1.1.0` });
  });
});

describe("against what others have open", () => {
  test.each([
    ["pause_sync", "stale"],
    ["drop_sync", "stale"],
    ["resync", "beside"], // Of all tables: what it loads is the offered version.
  ])(
    "%s: the reload gives up after an instant, and then sees what became of the dataset",
    async (call, outcome) => {
      const other = await open(`select ampsync.${call}('${dataset}')`);
      const refused = await adopt().catch((error: Error) => error);
      expect(refused).toMatchObject({ code: "55P03" });
      await other.query("commit");
      expect(await adopt()).toBe(outcome);
    },
  );

  test("readers of all tables: the table that was made first is locked first, whatever the order of the streams", async () => {
    const name = `${dataset}_two`;
    const blocks = await SqlStream.register(db, { dataset: name });
    const logs = await SqlStream.prepare(db, { dataset: name, table: "logs" });
    await blocks.acquire();
    await blocks.prepareTarget();
    await offer(db, "1.1.0", { dataset: name });
    const reader = await open(`select from ${logs.target}, ${blocks.target}`);
    const tables = ["blocks", "logs"].map((table) => ({ table, columns: NEXT }));
    expect(await adoptVersion(db, "1.1.0", tables, { dataset: name })).toBe("in use");
    await reader.query("commit");
    const { rows } = await db.query(
      "select offered_error ->> 'message' as message from ampsync_private.dataset where label = $1",
      [name],
    );
    expect(rows[0]!["message"]).toContain(logs.target);
  });

  test("a commit of a table that stays as it is: it is waited for before any target is locked", async () => {
    const logs = await SqlStream.prepare(db, { dataset, table: "logs" });
    const commit = await open(`update ampsync_private.stream set since = since where stream_id = ${logs.id}`);
    const reader = await open(`select from ${stream.target}`);
    const tables = [{ table: "blocks", columns: NEXT }, { table: "logs" }];
    const refused = await adoptVersion(db, "1.1.0", tables, { dataset }).catch((error: Error) => error);
    expect(refused).toMatchObject({ code: "55P03" }); // In use would be what it has waited for instead.
    await commit.query("commit");
    await reader.query("commit");
  });

  test("a takeover: the reload gives up, and the pass that took over reads the old version until it ends", async () => {
    await stream.endPass("yielded");
    const client = await db.client();
    await client.query("begin");
    const pass = stream.through(client);
    await pass.acquire("worker-2");
    await expect(adopt()).rejects.toMatchObject({ code: "55P03" });
    await client.query("commit");
    expect(await adopt()).toBe("adopted");
    const { rows } = await db.query("select version from ampsync_private.lease where stream_id = $1", [
      stream.id,
    ]);
    expect(rows).toEqual([{ version: "1.0.0" }]);
  });
});

describe("a worker that dies", () => {
  async function terminate(pid: number): Promise<void> {
    await db.query("select pg_terminate_backend($1)", [pid]);
    await waitFor(`backend ${pid} to end`, async () => {
      return (await db.query("select from pg_stat_activity where pid = $1", [pid])).rowCount === 0;
    });
  }

  /** Has the reload of a connection stop where it first changes a row of a table. */
  async function stopAt(table: string, operation: string): Promise<void> {
    await db.query(`
      create schema if not exists test_stop;
      create or replace function test_stop.stop() returns trigger language plpgsql as $$
        begin
          if current_setting('application_name') = 'to be killed' then
            perform pg_sleep(60);
          end if;
          return new;
        end $$;
      drop trigger if exists test_stop on ampsync_private.${table};
      create trigger test_stop before ${operation} on ampsync_private.${table}
        for each row execute function test_stop.stop()`);
  }

  test.each([
    ["event", "insert"], // Within the change of the target.
    ["stream", "update"],
    ["stream", "insert"],
    ["lease", "insert"],
    ["dataset", "update"],
  ])(
    "at its first change of a row of %s (%s) leaves everything as it was, and the reload is queued again",
    async (table, operation) => {
      await stopAt(table, operation);
      const client = await db.client();
      await client.query("set application_name = 'to be killed'");
      const pid = await backendOf(client);
      const answer = adopt(client, ["logs"]).catch((error: Error) => error);
      await waitFor("the reload to stop", async () => {
        const { rowCount } = await db.query(
          "select from pg_stat_activity where pid = $1 and wait_event = 'PgSleep'",
          [pid],
        );
        return rowCount === 1;
      });
      await terminate(pid);
      expect(await answer).toBeInstanceOf(Error);
      await db.query(`drop trigger test_stop on ampsync_private.${table}`);
      expect(await state()).toEqual(UNCHANGED);
      await db.query("select graphile_worker.remove_job($1)", [`ampsync_reload:${datasetId}`]);
      await supervise(db);
      expect(await dueInS()).toBeLessThan(0.5);
      expect(await adopt(db, ["logs"])).toBe("adopted");
    },
  );

  test("before the end of its transaction leaves everything as it was", async () => {
    const reload = await openReload();
    await terminate(await backendOf(reload));
    expect(await state()).toEqual(UNCHANGED);
    await stream.commit(10, 14);
    expect(await adopt()).toBe("adopted");
    expect(await state()).toEqual(ADOPTED);
  });
});
