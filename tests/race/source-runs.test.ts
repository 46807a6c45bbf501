import type pg from "pg";
import { beforeEach, describe, expect, test } from "vitest";

import { records, SqlSource } from "../support/http/sql-source.ts";
import { supervise } from "../support/postgres/queue.ts";
import { backendOf, untilBlocked } from "../support/postgres/rivals.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";
import { type Connection, waitingJobs } from "../support/postgres/sql-stream.ts";

const db = sharedDatabase();
let first: pg.Client;
let second: pg.Client;
let secondPid: number;
let sources = 0;

beforeEach(async () => {
  sources++;
  first = await db.client();
  second = await db.client();
  secondPid = await backendOf(second);
});

/** At the end of its first run, before its pass has said so. */
async function readToTheEnd(given: object = {}): Promise<SqlSource> {
  const source = await SqlSource.prepare(db, { name: `events_${sources}`, source: { ...given } });
  await source.commit([{ records: records(1, 5), done: true }]);
  return source;
}

const resume = (client: Connection, { name }: SqlSource) =>
  client.query("select ampsync.resume_sync($1)", [name]);

const endPass = (client: Connection, { id, epoch }: SqlSource) =>
  client.query("select ampsync_worker.end_pass($1, $2, 'done', null, null)", [id, epoch]);

/** What the next pass finds, and whether it has anything to read. */
async function nextPass(source: SqlSource) {
  await source.acquire();
  const { parts } = await source.begin();
  const [part] = await source.parts();
  return { run: part!["run"], open: parts.length };
}

async function stateOf(source: SqlSource): Promise<string> {
  return (await source.stream())["state"];
}

const POLLED = { every: "1 h", on_conflict: "replace" };

describe("resume_sync while the last pass of a run ends", () => {
  test.each([
    ["read once", {}, "complete"],
    ["polled", POLLED, "live"],
  ])("begins one run of a source that is %s, whichever comes first", async (_, given, rest) => {
    for (const [one, other] of [
      [resume, endPass],
      [endPass, resume],
    ] as const) {
      sources++;
      const source = await readToTheEnd(given);
      await first.query("begin");
      await one(first, source);
      const late = other(second, source);
      await untilBlocked(db, secondPid);
      await first.query("commit");
      await late;
      expect(await waitingJobs(db, `ampsync_stream:${source.id}`)).toMatchObject([
        { due_in_s: expect.closeTo(0, 0) },
      ]);
      expect(await nextPass(source)).toEqual({ run: "2", open: 1 });

      await source.commit([{ records: records(6, 7), done: true }]);
      await endPass(db, source);
      expect(await stateOf(source)).toBe(rest);
      expect((await source.parts())[0]).toMatchObject({ run: "2", done: true });
    }
  });
});

describe("a worker that dies", () => {
  const die = (source: SqlSource) =>
    db.query("update ampsync_private.lease set lease_until = ampsync_private.now() where stream_id = $1", [
      source.id,
    ]);

  test.each([
    ["read once", {}, "complete"],
    ["polled", POLLED, "live"],
  ])(
    "before it has ended its last pass of a source that is %s leaves that to the next one, which reads nothing",
    async (_, given, rest) => {
      const source = await readToTheEnd(given);
      await die(source);
      await db.query("select ampsync_worker.supervise()");
      expect(await waitingJobs(db, `ampsync_stream:${source.id}`)).toHaveLength(1);
      expect(await nextPass(source)).toEqual({ run: "1", open: 0 });
      await endPass(db, source);
      expect(await stateOf(source)).toBe(rest);
    },
  );

  test("after it has begun a run leaves that to the next one, which goes on with it", async () => {
    const source = await readToTheEnd(POLLED);
    await endPass(db, source);
    await resume(db, source);
    expect(await nextPass(source)).toEqual({ run: "2", open: 1 });
    await die(source);
    expect(await nextPass(source)).toEqual({ run: "2", open: 1 });
  });
});

test("a pass that failed with every part done begins no run: the next one only ends it", async () => {
  const source = await readToTheEnd();
  await db.query("select ampsync_worker.end_pass($1, $2, 'ended', $3, null)", [
    source.id,
    source.epoch,
    { code: "SY104", message: "away" },
  ]);
  expect(await stateOf(source)).toBe("retrying");
  expect(await nextPass(source)).toEqual({ run: "1", open: 0 });
  await endPass(db, source);
  expect(await stateOf(source)).toBe("complete");
});

test("no run begins before it is due, whatever wakes a pass", async () => {
  const source = await readToTheEnd(POLLED);
  await endPass(db, source);
  expect(await nextPass(source)).toEqual({ run: "1", open: 0 });
  expect(await stateOf(source)).toBe("live");
  await endPass(db, source);
  await db.query("select ampsync.enqueue_http($1, source => '{\"timeout\": 20}')", [source.name]);
  expect(await nextPass(source)).toEqual({ run: "1", open: 0 });
  expect(await stateOf(source)).toBe("live");
});

describe("after the clock was set back", () => {
  /** Two sources that rest for an hour; a supervisor has seen a clock of ten minutes later. */
  async function resting(): Promise<{ held: SqlSource; other: SqlSource }> {
    const held = await readToTheEnd(POLLED);
    sources++;
    const other = await readToTheEnd(POLLED);
    for (const source of [held, other]) await endPass(db, source);
    await db.query("update ampsync_private.clock set seen_at = ampsync_private.now() + interval '10 min'");
    return { held, other };
  }
  const dueInMinutes = async ({ id }: SqlSource): Promise<number> => {
    const { rows } = await db.query(
      `select round(extract(epoch from run_due - ampsync_private.now()) / 60)::int as minutes
         from ampsync_private.stream where stream_id = $1`,
      [id],
    );
    return rows[0]!["minutes"];
  };

  test.each([
    ["a rest", "ampsync_private.stream"],
    ["a lease", "ampsync_private.lease"],
  ])(
    "a transaction that holds %s keeps no supervisor from its work, and the rests are moved once",
    async (_, table) => {
      const { held, other } = await resting();
      await db.query(
        `update ${table} set ${table.endsWith("lease") ? "lease_until = ampsync_private.now() + interval '1 h'" : "next_retry = next_retry"}
        where stream_id = $1`,
        [held.id],
      );
      await first.query("begin");
      await first.query(`select from ${table} where stream_id = $1 for no key update`, [held.id]);
      await supervise(db);
      await supervise(db);
      await first.query("rollback");
      await supervise(db);
      await supervise(db);
      expect(await dueInMinutes(held)).toBe(50);
      expect(await dueInMinutes(other)).toBe(50);
    },
  );

  test("a lease of an hour that somebody holds is shortened by the next supervisor", async () => {
    const source = await readToTheEnd(POLLED);
    await db.query(
      "update ampsync_private.lease set lease_until = ampsync_private.now() + interval '1 h' where stream_id = $1",
      [source.id],
    );
    const isLong = async () =>
      (
        await db.query(
          "select from ampsync_private.lease where stream_id = $1 and lease_until > ampsync_private.now() + interval '10 min'",
          [source.id],
        )
      ).rowCount === 1;
    await first.query("begin");
    await first.query("select from ampsync_private.lease where stream_id = $1 for no key update", [
      source.id,
    ]);
    await supervise(db);
    expect(await isLong()).toBe(true);
    await first.query("rollback");
    await supervise(db);
    expect(await isLong()).toBe(false);
  });
});
