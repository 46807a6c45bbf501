import { beforeEach, describe, expect, test } from "vitest";

import { moveClock } from "../../support/postgres/clock.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";

interface Finding {
  readonly severity: string;
  readonly subject: string;
  readonly finding: string;
  readonly fix: string;
}

const db = rolledBackDatabase();

/** A table is captured, by a worker that lives; what is written in it comes into the log. */
beforeEach(async () => {
  await db.query("create table todos (id integer primary key)");
  await db.query("select ampsync_worker.register_worker('worker-1', 'machine', 4711, '0.1.0', 10)");
  await db.query(
    `insert into ampsync_private.published (schema_name, table_name, relation, mode, identity, columns, state,
                                            published_lsn, since)
     values ('public', 'todos', 'todos', 'rows', 'full', '[]', 'live', '0/1', ampsync_private.now())`,
  );
  await db.query("select ampsync_private.ensure_capture()");
  await captureIs("ok");
});

/** As the supervisor stored it. */
const captureIs = (state: string, reason: string | null = null, hint: string | null = null) =>
  db.query(
    "update ampsync_private.capture set state = $1, reason = $2, hint = $3, since = ampsync_private.now()",
    [state, reason, hint],
  );

const hasError = (error: object) => db.query("update ampsync_private.capture set error = $1", [error]);
const tableIs = (state: string, error: object | null) =>
  db.query("update ampsync_private.published set state = $1, error = $2", [state, error]);

async function about(subject: string): Promise<readonly Finding[]> {
  const { rows } = await db.query<Finding & Record<string, unknown>>(
    "select * from ampsync.doctor() where subject = $1",
    [subject],
  );
  return rows;
}

/** The only finding about a subject; its fix is a statement that does what it says. */
async function foundAndRun(subject: string): Promise<Finding> {
  const [found, ...more] = await about(subject);
  expect(more).toEqual([]);
  await db.query(found!.fix);
  return found!;
}

test("capture that is well has no finding, nor has one that is not used", async () => {
  expect(await about("capture")).toEqual([]);
  await db.query("update ampsync_private.published set state = 'ended', relation = null");
  await captureIs("failed", "it broke");
  await moveClock(db, "1 hour");
  const { rows } = await db.query(
    "select subject from ampsync.doctor() where subject ~ '^(capture|fsync|max_slot_wal|public)'",
  );
  expect(rows).toEqual([]);
});

describe("failed", () => {
  test("for a setting: the statement of its hint", async () => {
    await captureIs("failed", "it may not", "select 'do this';");
    expect(await foundAndRun("capture")).toMatchObject({
      severity: "error",
      finding: expect.stringMatching(/^it has failed since .*: it may not$/),
      fix: "select 'do this';",
    });
  });

  test.each(["SY404", "54000"])("at a transaction that cannot be stored (%s): skip it", async (code) => {
    await hasError({ code, message: "it broke", lsn: "0/ABC" });
    await captureIs("failed", "it broke", "Report it.");
    expect(await foundAndRun("capture")).toMatchObject({
      fix: "select ampsync.skip_transaction('0/ABC'); -- captured tables are loaded anew. Report it.",
    });
    const { rows } = await db.query("select skip_lsn from ampsync_private.capture");
    expect(rows).toEqual([{ skip_lsn: "0/ABC" }]);
  });

  test("without a hint: where to look", async () => {
    await hasError({ code: "57P03", message: "not yet" });
    await captureIs("failed", "not yet");
    expect(await foundAndRun("capture")).toMatchObject({ fix: "select * from ampsync.capture;" });
  });
});

describe("late", () => {
  test("without a worker: an error, whatever the supervisor saw last", async () => {
    await moveClock(db, "31 s");
    for (const state of ["ok", "behind"]) {
      await captureIs(state, "stalled: nothing moves");
      expect(await about("capture"), state).toEqual([
        {
          severity: "error",
          subject: "capture",
          finding: "no worker is alive: changes of 1 tables stay in WAL",
          fix: "npx ampsync worker",
        },
      ]);
    }
  });

  test("stalled: an error", async () => {
    await captureIs("behind", "stalled: nothing moves", "select 1; -- look");
    expect(await foundAndRun("capture")).toMatchObject({
      severity: "error",
      finding: "stalled: nothing moves",
    });
  });

  test("behind: a warning, with what to do", async () => {
    await captureIs("behind", "5 GB of WAL are kept", "rollback prepared 'theirs';");
    expect(await about("capture")).toMatchObject([
      {
        severity: "warning",
        finding: expect.stringMatching(/^changes come late since .*: 5 GB of WAL are kept$/),
        fix: "rollback prepared 'theirs';",
      },
    ]);
  });

  test("starting: a warning after a minute", async () => {
    await captureIs("starting", "the slot is being made");
    expect(await about("capture")).toEqual([]);
    await moveClock(db, "61 s");
    await db.query("select ampsync_worker.renew_leases('worker-1', '[]')");
    expect(await foundAndRun("capture")).toMatchObject({
      severity: "warning",
      finding: expect.stringMatching(/^it has been starting since .*: the slot is being made$/),
      fix: "select * from ampsync.jobs;",
    });
  });
});

test("a slot that is gone is a finding before a worker has seen it, and then no more", async () => {
  await db.query(
    `update ampsync_private.capture
        set slot_created_lsn = '0/1', slot_system = (select system_identifier from pg_control_system()),
            slot_database = (select oid from pg_database where datname = current_database())`,
  );
  expect(await foundAndRun("capture")).toMatchObject({
    severity: "warning",
    finding: expect.stringMatching(/^the publication was dropped: a worker makes it anew/),
  });
  await db.query("update ampsync_private.capture set phase = 'make'");
  expect(await about("capture")).toEqual([]);
});

test("a transaction that stays open with what it published or configured is a finding with its end", async () => {
  const user = await db.client();
  const { rows } = await user.query("select pg_backend_pid() as pid");
  await user.query("begin; lock table ampsync_private.published in row exclusive mode");
  await moveClock(db, "6 s");
  const subject = `session ${rows[0].pid}`;
  await db.query("select pg_stat_clear_snapshot()"); // One transaction sees one picture of the sessions.
  expect(await about(subject)).toMatchObject([
    { severity: "warning", finding: expect.stringMatching(/who changes that table waits for it$/) },
  ]);
  await user.query("lock table ampsync_private.capture in row exclusive mode");
  const ended = new Promise((resolve) => user.once("end", resolve));
  expect(await foundAndRun(subject)).toMatchObject({
    finding: expect.stringMatching(/: capture waits for it$/),
  });
  await ended;
});

test("a server without a limit of WAL: twice ours; only where something is captured", async () => {
  await db.query("update ampsync_private.capture set wal_limit = 1073741824");
  expect(await about("max_slot_wal_keep_size")).toMatchObject([
    {
      severity: "warning",
      fix: "alter system set max_slot_wal_keep_size = '2048MB'; select pg_reload_conf();",
    },
  ]);
  await db.query("update ampsync_private.published set state = 'ended', relation = null");
  expect(await about("max_slot_wal_keep_size")).toEqual([]);
});

describe("published tables", () => {
  const SUBJECT = "public.todos";

  test("that are well are none", async () => {
    await moveClock(db, "1 day");
    expect(await about(SUBJECT)).toEqual([]);
  });

  test("that failed are errors, with their hint", async () => {
    await tableIs("failed", {
      message: "it has no key",
      detail: "Dropped.",
      hint: "alter table todos add x integer;",
    });
    expect(await foundAndRun(SUBJECT)).toMatchObject({
      severity: "error",
      finding: "its publication failed: it has no key: Dropped.",
      fix: "alter table todos add x integer;",
    });
  });

  test("that failed without a statement as a hint are published again", async () => {
    await tableIs("failed", { message: "it broke", hint: "Look." });
    expect(await about(SUBJECT)).toMatchObject([{ fix: "select ampsync.publish('public.todos'); -- Look." }]);
  });

  test("that could not be locked wait", async () => {
    await tableIs("starting", { message: "in use", hint: "select 1;" });
    expect(await about(SUBJECT)).toMatchObject([
      { severity: "warning", finding: "its publication waits: in use", fix: "select 1;" },
    ]);
  });

  test("that start, or wait for a baseline, for five minutes are looked at", async () => {
    await tableIs("starting", null);
    await moveClock(db, "4 min");
    expect(await about(SUBJECT)).toEqual([]);
    await moveClock(db, "2 min");
    await db.query("select ampsync_worker.renew_leases('worker-1', '[]')");
    expect(await foundAndRun(SUBJECT)).toMatchObject({
      finding: expect.stringMatching(/^its changes do not come/),
    });

    await tableIs("live", null);
    expect(await about(SUBJECT)).toEqual([]);
    await db.query("update ampsync_private.published set baseline_asked = since");
    expect(await foundAndRun(SUBJECT)).toMatchObject({
      finding: expect.stringMatching(/^its baseline has been/),
    });
  });
});
