import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { Replication } from "../../../src/capture/replication.ts";
import { createSlot, readSlot } from "../../support/capture/read-slot.ts";
import { createLogicalDatabase } from "../../support/postgres/logical-database.ts";
import type { TestDatabase } from "../../support/postgres/postgres.ts";

let db: TestDatabase;
const role = `stranger_${process.pid}`;
beforeAll(async () => {
  db = await createLogicalDatabase();
  await db.query(`create role ${role} login password 'x'`);
  await createSlot(db);
  await db.query("create table public.todos (id text primary key)");
  await db.query("alter publication ampsync add table only public.todos");
  await db.query("select ampsync_private.ensure_capture()");
  await db.query("select ampsync_private.store_published('public.todos', 'full', '{}')");
});
afterAll(async () => {
  await db.query(`drop role ${role}`);
  await db.drop();
});

const KEYS = [
  ["the log lock", "hashtextextended('ampsync.log', 0)", "of the log"],
  ["that of the job", "ampsync_private.publication_key()", "of the job"],
] as const;

async function holding<T>(
  key: string,
  client: pg.Client | pg.ClientBase,
  run: (pid: number) => Promise<T>,
): Promise<T> {
  const { rows: keys } = await db.query(`select ${key}::text as key`);
  const { rows } = await client.query("select pg_advisory_lock($1::bigint), pg_backend_pid() as pid", [
    keys[0]!["key"],
  ]);
  try {
    return await run(rows[0].pid);
  } finally {
    await client.query("select pg_advisory_unlock_all()");
  }
}

async function stranger(): Promise<pg.Client> {
  const url = new URL(db.url);
  [url.username, url.password] = [role, "x"];
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  return client;
}

const report = async (fault: string | null) =>
  (
    await db.query(
      "select r.reason, r.hint from ampsync_private.capture c, ampsync_private.capture_report(c, true, $1) r",
      [fault],
    )
  ).rows[0]!;

const queued = async (): Promise<unknown> => {
  await db.query("begin");
  try {
    const { rows } = await db.query(
      "select ampsync_private.queue_capture_jobs(c, true, 'not_made') as n from ampsync_private.capture c",
    );
    return rows[0]!["n"];
  } finally {
    await db.query("rollback");
  }
};

describe.each(KEYS)("a session of somebody else that holds %s", (_, key, words) => {
  test.each([null, "not_made"])("is named, with what ends it (%s)", async (fault) => {
    const client = await stranger();
    await holding(key, client, async (pid) => {
      const { reason, hint } = await report(fault);
      expect(reason).toContain(`pid ${pid}`);
      expect(reason).toContain(words);
      expect(hint).toBe(`select pg_terminate_backend(${pid});`);
    });
    await client.end();
  });
});

test("the job of the publication is queued though a stranger holds its lock, and not while one of ours does", async () => {
  const client = await stranger();
  expect(await holding(KEYS[1][1], client, queued)).toBe(1);
  await client.end();
  const ours = await db.client();
  expect(await holding(KEYS[1][1], ours as unknown as pg.Client, queued)).toBe(0);
  expect((await report(null))["reason"]).not.toContain("advisory");
});

describe("doctor names a session of somebody else that holds the log lock, with what ends it", () => {
  const found = async (subject: string) =>
    (await db.query("select severity, finding, fix from ampsync.doctor() where subject = $1", [subject]))
      .rows;

  test("also where datasets alone are published", async () => {
    expect(await found("log lock")).toEqual([]);
    await db.query("update ampsync_private.published set mode = 'blocks'");
    const client = await stranger();
    const ended = new Promise((resolve) => client.once("end", resolve));
    client.on("error", () => {}); // It is ended.
    const { rows } = await client.query(
      "select pg_advisory_lock(hashtextextended('ampsync.log', 0)), pg_backend_pid() as pid",
    );
    const [{ fix, ...rest }, ...more] = (await found("log lock")) as [{ fix: string }];
    expect(more).toEqual([]);
    expect(rest).toEqual({
      severity: "error",
      finding: `pid ${rows[0].pid}, which is no session of ampsync, holds the advisory lock of the log: no published commit goes on`,
    });
    await db.query(fix);
    await ended;
    await expect.poll(() => found("log lock")).toEqual([]);
    await db.query("update ampsync_private.published set mode = 'rows'");
  });

  test("and does not end the reader of a capture that stalls behind it", async () => {
    await ownSlot();
    await db.query("select ampsync_worker.register_worker('worker-1', 'machine', 4711, '0.1.0', 10)");
    const { rows } = await db.query("select slot from ampsync_private.capture");
    const reader = await Replication.open({
      url: db.url,
      slot: rows[0]!["slot"],
      workerId: "worker-1",
      publication: "ampsync",
      startLsn: 0n,
      signal: new AbortController().signal,
    });
    const client = await stranger();
    try {
      await holding(KEYS[0][1], client, async (pid) => {
        const { hint } = await report(null);
        await db.query(
          "update ampsync_private.capture set state = 'behind', reason = 'stalled: changes wait', hint = $1",
          [hint],
        );
        expect(await found("capture")).toEqual([
          {
            severity: "error",
            finding: "stalled: changes wait",
            fix: `select pg_terminate_backend(${pid});`,
          },
        ]);
      });
      await db.query("update ampsync_private.capture set hint = null");
      expect(await found("capture")).toMatchObject([{ fix: expect.stringMatching(/it is begun anew$/) }]);
    } finally {
      await client.end();
      await reader[Symbol.asyncDispose]();
    }
  });
});

/** Capture has the slot of the test, and all before is in the log. */
async function ownSlot(): Promise<void> {
  await db.query(
    `update ampsync_private.capture c
        set slot = 'ampsync_test_' || d.oid, slot_created_lsn = '0/1', slot_database = d.oid,
            slot_system = (select y.system_identifier from pg_control_system() y),
            publication = (select p.oid from pg_publication p where p.pubname = 'ampsync'),
            end_lsn = pg_current_wal_insert_lsn()
       from pg_database d where d.datname = current_database()`,
  );
}

test("a beat has a token that nobody can guess, the same when it is sent again", async () => {
  await ownSlot();
  const beats = async () =>
    (await readSlot(db)).flatMap((message) =>
      message.kind === "message" && message.prefix === "ampsync/beat" ? [message.content.toString()] : [],
    );
  await db.query("select ampsync_worker.supervise_capture()");
  const { rows } = await db.query("select beat_token from ampsync_private.capture");
  const token = rows[0]!["beat_token"];
  expect(token).toMatch(/^[0-9a-f]{8}-/);
  expect(await beats()).toEqual([token]);
  await db.query(
    `update ampsync_private.capture
        set beat_sent_at = beat_sent_at - interval '11 s', end_lsn = pg_current_wal_insert_lsn()`,
  );
  await db.query("select ampsync_worker.supervise_capture()");
  expect(await beats()).toEqual([token]);
});
