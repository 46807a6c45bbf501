import type pg from "pg";
import { beforeEach, describe, expect, test } from "vitest";

import { record, records, SqlSource } from "../support/http/sql-source.ts";
import { backendOf, untilBlocked } from "../support/postgres/rivals.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";
import { waitFor } from "../support/wait-for.ts";

const db = sharedDatabase();
let source: SqlSource;
let worker: pg.Client;
let workerPid: number;
let rival: pg.Client;
let sources = 0;

beforeEach(async () => {
  source = await SqlSource.prepare(db, { name: `events_${++sources}` });
  await source.commit([{ records: records(1, 2) }]);
  worker = await db.client();
  workerPid = await backendOf(worker);
  rival = await db.client();
});

/** The tables that the worker's backend has locked, each with its modes. */
async function locks(): Promise<Record<string, string>> {
  const { rows } = await db.query(
    `select c.relnamespace::regnamespace || '.' || c.relname as name, string_agg(l.mode, ' ' order by l.mode) as modes
       from pg_locks l
       join pg_class c on c.oid = l.relation and c.relkind = 'r'
      where l.pid = $1 and l.locktype = 'relation' and l.granted
      group by 1`,
    [workerPid],
  );
  return Object.fromEntries(rows.map((row) => [row["name"], row["modes"]]));
}

describe("a commit takes its locks in one order:", () => {
  const target = () => `public.${source.name}`;

  test("the target before the stream row", async () => {
    await rival.query("begin");
    await rival.query("select from ampsync_private.stream where stream_id = $1 for no key update", [
      source.id,
    ]);
    const commit = source.through(worker).commit([{ records: records(3, 4) }]);
    await untilBlocked(db, workerPid);
    const held = await locks();
    expect(held[target()]).toContain("RowExclusiveLock");
    expect(held[source.staging]).not.toContain("AccessExclusiveLock");
    await rival.query("commit");
    await commit;
  });

  test("the rows of parts before staging", async () => {
    await rival.query("begin");
    await rival.query("select from ampsync_private.part where stream_id = $1 for update", [source.id]);
    const commit = source.through(worker).commit([{ records: records(3, 4) }]);
    await untilBlocked(db, workerPid);
    expect((await locks())[source.staging]).not.toContain("AccessExclusiveLock");
    await rival.query("commit");
    await commit;
  });

  test("the lease last of all", async () => {
    await rival.query("begin");
    await rival.query("select from ampsync_private.lease where stream_id = $1 for update", [source.id]);
    const commit = source.through(worker).commit([{ records: records(3, 4) }]);
    await untilBlocked(db, workerPid);
    expect((await locks())[source.staging]).toContain("AccessExclusiveLock");
    await rival.query("commit");
    await commit;
    expect(await source.counts()).toMatchObject({ rows: 4 });
  });

  test("and ends with SY001 where the lease moved on while it waited for it", async () => {
    await rival.query("begin");
    await rival.query("select from ampsync_private.lease where stream_id = $1 for update", [source.id]);
    const commit = source.through(worker).commit([{ records: records(3, 4) }]);
    commit.catch(() => {});
    await untilBlocked(db, workerPid);
    await rival.query("update ampsync_private.lease set epoch = epoch + 1 where stream_id = $1", [source.id]);
    await rival.query("commit");
    await expect(commit).rejects.toMatchObject({ code: "SY001" });
    expect(await source.counts()).toMatchObject({ records: 2, rows: 2 });
    expect(await source.parts()).toMatchObject([{ position: { token: "p0-1" } }]);
  });
});

describe("a takeover", () => {
  test("ends the writer that froze before its COMMIT, and goes on from the position before it", async () => {
    await worker.query("begin");
    const late = source.through(worker);
    await late.apply([{ records: records(3, 9) }]);
    await db.query(
      "update ampsync_private.lease set lease_until = now() - interval '1 s' where stream_id = $1",
      [source.id],
    );
    const successor = source.through(db);
    await successor.acquire("worker-2");
    const { parts } = await successor.begin();
    expect(parts).toMatchObject([{ position: { token: "p0-1" }, pages: "1" }]);
    await successor.commit([{ records: records(3, 5) }]);
    await expect(worker.query("commit")).rejects.toThrow();
    expect(await source.counts()).toEqual({ records: 5, rows: 5, duplicates: 0, rejected: 0 });
  });
});

describe("a commit that adds columns", () => {
  test("tries again in its transaction while somebody reads the target, and keeps its pages", async () => {
    const evolving = await SqlSource.prepare(db, {
      name: `evolving_${sources}`,
      source: { schema: "evolve", columns: { id: "text" } },
    });
    await rival.query("begin");
    await rival.query(`select count(*) from public.${evolving.name}`);
    const commit = evolving.through(worker).commit([{ records: [record(1, { added: "a" })] }]);
    await waitFor("the commit to pause", async () => {
      const { rows } = await db.query("select wait_event from pg_stat_activity where pid = $1", [workerPid]);
      return rows[0]?.["wait_event"] === "PgSleep";
    });
    await rival.query("commit");
    await commit;
    expect(await evolving.rows("added")).toEqual([{ added: "a" }]);
  });
});

test("a column that a record brings waits for who reads the table, again after a second, and no page is lost", async () => {
  const evolving = await SqlSource.prepare(db, { name: `evolving_${sources}`, source: { schema: "evolve" } });
  await rival.query("begin");
  await rival.query(`select from public.${evolving.name}`);
  const commit = evolving.through(worker).commit([{ records: [record(1, { fresh: "a" })] }]);
  await waitFor("the commit to pause between two attempts", async () => {
    const { rowCount } = await db.query(
      "select from pg_stat_activity where pid = $1 and wait_event = 'PgSleep'",
      [workerPid],
    );
    return rowCount === 1;
  });
  await rival.query("commit");
  await commit;
  expect(await evolving.rows("id, fresh")).toEqual([{ id: "1", fresh: "a" }]);
  expect(await evolving.counts()).toMatchObject({ records: 1, rows: 1 });
});
