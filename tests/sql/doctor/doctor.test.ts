// Takes 10 s.
import { describe, expect, test } from "vitest";

import { SqlSource } from "../../support/http/sql-source.ts";
import { moveClock } from "../../support/postgres/clock.ts";
import { buildIndexes, leaveInvalid, nextStep, noteStep } from "../../support/postgres/indexes.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { registerDataset, SqlStream } from "../../support/postgres/sql-stream.ts";
import { datasetId, newTable, startUpgrade } from "../../support/postgres/upgrade.ts";

interface Finding {
  readonly severity: string;
  readonly subject: string;
  readonly finding: string;
  readonly fix: string;
}

const db = rolledBackDatabase();

/** What is found about one subject. */
async function about(subject: string): Promise<Finding[]> {
  const { rows } = await db.query<Finding & Record<string, unknown>>(
    "select * from ampsync.doctor() where subject = $1",
    [subject],
  );
  return rows;
}

/** Runs the fix of the only finding about a subject, as it is printed, and then finds nothing more. */
async function fixed(subject: string): Promise<void> {
  const [found, ...more] = await about(subject);
  expect(more).toEqual([]);
  await db.query(found!.fix);
  expect(await about(subject)).toEqual([]);
}

async function workerIsAlive(version = "0.1.0", slots = 10): Promise<void> {
  await db.query("select ampsync_worker.register_worker('worker-1', 'machine', 4711, $1, $2)", [
    version,
    slots,
  ]);
}

test("an installation that syncs nothing has no errors and no warnings", async () => {
  const { rows } = await db.query("select * from ampsync.doctor() where severity <> 'info'");
  expect(rows).toEqual([]);
});

describe("workers", () => {
  test("none, while something waits for one", async () => {
    await db.query("select ampsync.enqueue_sync('chain')");
    expect(await about("workers")).toEqual([
      {
        severity: "error",
        subject: "workers",
        finding: "no worker is alive, and 0 tables and 1 datasets wait for one",
        fix: "npx ampsync worker",
      },
    ]);
    await workerIsAlive();
    expect(await about("workers")).toEqual([]);
    await moveClock(db, "31 s");
    expect(await about("workers")).toMatchObject([{ severity: "error" }]);
  });

  test("none, while everything is paused: nothing is missing", async () => {
    await registerDataset(db, "chain", ["blocks"]);
    await db.query("select ampsync.pause_sync('chain')");
    expect(await about("workers")).toEqual([]);
  });

  test("fewer slots than tables", async () => {
    await registerDataset(db, "chain", ["blocks", "logs", "transactions"]);
    await workerIsAlive("0.1.0", 2);
    expect(await about("workers")).toMatchObject([
      { severity: "warning", finding: "3 tables share the 2 slots of 1 workers, so they take turns" },
    ]);
    await db.query("select ampsync_worker.register_worker('worker-2', 'machine', 4712, '0.1.0', 1)");
    expect(await about("workers")).toEqual([]);
  });

  test("of a version newer than the schema: the schema is to be migrated", async () => {
    await db.query("update ampsync_private.source set version = '1.9.9' where name = 'functions'");
    await workerIsAlive("1.10.0");
    expect(await about("worker worker-1")).toMatchObject([
      {
        severity: "warning",
        finding: "it runs ampsync 1.10.0, newer than 1.9.9 of the schema",
        fix: expect.stringMatching(/^npx ampsync migrate /),
      },
    ]);
  });

  test("of an older version: it is to be replaced", async () => {
    await db.query("update ampsync_private.source set version = '1.10.0' where name = 'functions'");
    await workerIsAlive("1.9.9");
    expect(await about("worker worker-1")).toMatchObject([
      {
        finding: "it runs ampsync 1.9.9 on machine, older than 1.10.0 of the schema",
        fix: expect.stringMatching(/^kill -TERM 4711 #/),
      },
    ]);
  });

  test.each(["1.0.0", "1.10.0-beta.1", "9999999999.0.0", "none"])(
    "of version %s, equal or not comparable: nothing",
    async (version) => {
      await db.query("update ampsync_private.source set version = '1.0.0' where name = 'functions'");
      await workerIsAlive(version);
      expect(await about("worker worker-1")).toEqual([]);
    },
  );
});

describe("datasets and tables", () => {
  test("a dataset that has been waited for for an hour", async () => {
    await db.query("select ampsync.enqueue_sync('chain')");
    await moveClock(db, "59 min");
    expect(await about("chain")).toEqual([]);
    await moveClock(db, "2 min");
    expect(await about("chain")).toMatchObject([
      { severity: "warning", finding: expect.stringContaining("no worker has looked for it yet") },
    ]);
    await fixed("chain");
  });

  test("a dataset that failed", async () => {
    await db.query("select ampsync.enqueue_sync('chain')");
    await db.query(
      `select ampsync_worker.defer_resolve(d.dataset_id, 'failed', '{"code": "SY004", "message": "it is no name",
         "hint": "Name it\\notherwise."}') from ampsync_private.dataset d`,
    );
    expect(await about("chain")).toMatchObject([
      {
        severity: "error",
        finding: "it failed: it is no name",
        fix: expect.stringMatching(/^select [^\n]+$/),
      },
    ]);
    await fixed("chain");
  });

  test("a table that failed: the hint of its error, and resume_sync where that is not a statement", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.endPass("failed");
    expect(await about("chain.blocks")).toMatchObject([
      { severity: "error", finding: "it failed: it broke: while testing", fix: "select 1;" },
    ]);
    await db.query(
      "update ampsync_private.stream set error = error || jsonb_build_object('hint', 'Look at ''it''.')",
    );
    expect(await about("chain.blocks")).toMatchObject([
      { fix: "select ampsync.resume_sync('chain'); -- Look at 'it'." },
    ]);
    await fixed("chain.blocks");
  });

  test("a resync that failed", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(0, 9);
    await db.query("select ampsync.resync('chain', 'blocks')");
    await db.query(
      `update ampsync_private.stream set state = 'failed', error = '{"message": "it broke"}' where shadow_of is not null`,
    );
    expect(await about("chain.blocks")).toMatchObject([
      { severity: "error", finding: "its resync failed: it broke" },
    ]);
    await fixed("chain.blocks");
  });

  test("an upgrade that cannot end", async () => {
    await SqlStream.prepare(db);
    const id = await datasetId(db);
    await startUpgrade(db, [newTable("blocks")]);
    const error = { code: "SY201", message: "a view is in the way", hint: null };
    for (let attempt = 1; attempt <= 3; attempt++) {
      expect(await about("chain")).toEqual([]);
      await db.query("select ampsync_worker.defer_upgrade($1, $2, true)", [id, error]);
    }
    expect(await about("chain")).toMatchObject([
      { severity: "error", finding: "its upgrade to version 2.0.0 cannot end: a view is in the way" },
    ]);
    await fixed("chain");
  });

  test("a table of which workers die", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.endPass("ended");
    await db.query("update ampsync_private.stream set deaths = 2");
    expect(await about("chain.blocks")).toEqual([]);
    await db.query("update ampsync_private.stream set deaths = 3");
    expect(await about("chain.blocks")).toMatchObject([
      { severity: "error", finding: "3 workers in a row died while they held data of it" },
    ]);
    await fixed("chain.blocks");
  });

  test("rejected rows, and the blocks to repair once the cause is gone", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(0, 9);
    await db.query(
      `insert into ampsync_private.reject (stream_id, block, row_number, sqlstate, reason, rejected_at)
       select $1, n, 0, 'SY203', 'too long', now() from unnest('{3,5}'::bigint[]) n`,
      [stream.id],
    );
    const [found] = await about("chain.blocks");
    expect(found).toMatchObject({
      severity: "warning",
      finding: "2 rows are in ampsync.rejects instead of the table: blocks 3 to 5",
    });
    const [look, repair] = found!.fix.split(" -- once the cause is gone: ");
    expect((await db.query(look!)).rows).toHaveLength(2);
    await db.query(repair!);
    const { rows } = await db.query("select from_block, to_block from ampsync.repairs");
    expect(rows).toEqual([{ from_block: "3", to_block: "5" }]);
  });

  test("a repair that has failed for an hour", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(0, 9);
    await db.query("select ampsync.repair('chain', 'blocks', 3, 5)");
    await db.query(`update ampsync_private.repair set error = '{"code": "SY104", "message": "it is away"}'`);
    await moveClock(db, "59 min");
    expect(await about("chain.blocks")).toEqual([]);
    await moveClock(db, "2 min");
    expect(await about("chain.blocks")).toMatchObject([
      { severity: "warning", finding: expect.stringMatching(/^the repair of blocks 3 to 5 .*: it is away$/) },
    ]);
    await fixed("chain.blocks");
  });
});

describe("vacuum", () => {
  test("a transaction that has been idle for five minutes and holds a snapshot", async () => {
    const idle = await db.client();
    const { rows } = await idle.query("select pg_backend_pid() as pid");
    const subject = `session ${rows[0].pid}`;
    await idle.query("begin isolation level repeatable read");
    await idle.query("select 1");
    await moveClock(db, "4 min");
    expect(await about(subject)).toEqual([]);
    await moveClock(db, "2 min");
    expect(await about(subject)).toMatchObject([
      { severity: "warning", finding: expect.stringContaining("vacuum keeps all that it could see") },
    ]);
    const ended = new Promise((resolve) => idle.once("end", resolve));
    await db.query((await about(subject))[0]!.fix);
    await ended;
    await db.query("select pg_stat_clear_snapshot()"); // One transaction sees one picture of the sessions.
    expect(await about(subject)).toEqual([]);
  });

  test("one that holds none is left alone", async () => {
    const idle = await db.client();
    await idle.query("begin");
    await idle.query("select 1");
    await moveClock(db, "1 day");
    const { rows } = await db.query("select * from ampsync.doctor() where subject like 'session %'");
    expect(rows).toEqual([]);
    await idle.query("rollback");
  });

  test.each(["chain.blocks", "ampsync_private.stream"])("a table without autovacuum: %s", async (table) => {
    await SqlStream.prepare(db);
    await db.query(`alter table ${table} set (autovacuum_enabled = off)`);
    await fixed(`table ${table}`);
  });

  test("nothing of staging tables, which each commit empties", async () => {
    await SqlSource.prepare(db);
    const { rows } = await db.query("select * from ampsync.doctor() where finding ~ 'autovacuum'");
    expect(rows).toEqual([]);
  });

  test("names that need quotes are quoted in the fix", async () => {
    await SqlStream.prepare(db);
    const odd = `"it's ""odd"`;
    await db.query(
      `alter table chain.blocks rename to ${odd}; alter table chain.${odd} set (autovacuum_enabled = no)`,
    );
    await fixed(`table chain.${odd}`);
  });
});

describe("settings of the server", () => {
  const GOOD = {
    autovacuum: "on",
    track_counts: "on",
    max_wal_size: "4096",
    wal_level: "replica",
    max_wal_senders: "10",
    synchronous_standby_names: "",
    synchronous_commit: "on",
    compression_methods: ["pglz", "lz4"],
    standbys: 0,
  };

  async function diagnosed(settings: Partial<Record<keyof typeof GOOD, unknown>>): Promise<Finding[]> {
    const { rows } = await db.query<Finding & Record<string, unknown>>(
      "select * from ampsync_private.diagnose_server($1)",
      [{ ...GOOD, ...settings }],
    );
    return rows;
  }

  test("that are good: nothing", async () => {
    expect(await diagnosed({})).toEqual([]);
  });

  test.each<[string, string, Partial<Record<keyof typeof GOOD, unknown>>]>([
    ["autovacuum", "warning", { autovacuum: "off" }],
    ["track_counts", "warning", { track_counts: "off" }],
    ["max_wal_size", "info", { max_wal_size: "1024" }],
    ["lz4", "info", { compression_methods: ["pglz"] }],
    ["wal_level", "info", { wal_level: "minimal" }],
    ["max_wal_senders", "info", { max_wal_senders: "0" }],
    ["synchronous_standby_names", "error", { synchronous_standby_names: "*" }],
  ])("%s: %s", async (subject, severity, settings) => {
    const findings = await diagnosed(settings);
    expect(findings).toMatchObject([{ severity, subject }]);
    const [alter] = findings[0]!.fix.match(/^alter system set (\w+) = [^;]+;/) ?? [];
    expect(alter === undefined).toBe(subject === "lz4");
  });

  test("a standby that is connected, or that no commit waits for, is nothing", async () => {
    expect(await diagnosed({ synchronous_standby_names: "*", standbys: 1 })).toEqual([]);
    expect(await diagnosed({ synchronous_standby_names: "*", synchronous_commit: "local" })).toEqual([]);
  });

  test("are looked at under the names that the server has", async () => {
    const { rows } = await db.query(
      "select name from pg_settings where name = any ($1) or name = 'default_toast_compression' order by name",
      [Object.keys(GOOD)],
    );
    expect(rows).toHaveLength(Object.keys(GOOD).length - 1); // compression_methods and standbys are no settings.
  });
});

test("a check that cannot be made is a finding, and the others are made", async () => {
  await db.query("select ampsync.enqueue_sync('chain')");
  await db.query("drop view ampsync.repairs cascade");
  expect(await about("doctor")).toMatchObject([
    { severity: "error", finding: expect.stringMatching(/^its look at the syncs failed: .*\(42P01\)$/) },
  ]);
  await db.query((await about("doctor"))[0]!.fix);
  expect(await about("workers")).toHaveLength(1);
});

test("the gravest come first", async () => {
  await registerDataset(db, "chain", ["blocks"]);
  await db.query("update ampsync_private.stream set deaths = 3");
  await db.query("alter table ampsync_private.stream set (autovacuum_enabled = off)");
  const { rows } = await db.query("select severity from ampsync.doctor()");
  const ranks = rows.map((row) => ["error", "warning", "info"].indexOf(row["severity"]));
  expect(ranks).toEqual([...ranks].sort());
  expect(ranks.slice(0, 3)).toEqual([0, 0, 1]);
});

test("it writes nothing, and a role that may only EXECUTE it sees the same", async () => {
  await registerDataset(db, "chain", ["blocks"]);
  await db.query("create role monitor");
  await db.query("grant usage on schema ampsync to monitor");
  await db.query("grant execute on function ampsync.doctor to monitor");
  const { rows: ours } = await db.query("select * from ampsync.doctor()");
  await db.query("set local transaction_read_only = on");
  await db.query("set local role monitor");
  const { rows } = await db.query("select * from ampsync.doctor()");
  expect(rows).toEqual(ours);
  expect(rows.length).toBeGreaterThan(0);
});

describe("indexes", () => {
  const FAILED = { code: "42501", message: "permission denied", detail: null, hint: null };

  async function live(): Promise<SqlStream> {
    const stream = await SqlStream.prepare(db);
    await stream.apply(0, 9, { expected: null });
    await db.query("select ampsync_worker.mark_live($1, $2)", [stream.id, stream.epoch]);
    return stream;
  }

  test("that are not there yet are a finding only at the head, and after a while", async () => {
    const stream = await SqlStream.prepare(db);
    await moveClock(db, "1 day");
    await stream.acquire();
    expect(await about("chain.blocks")).toEqual([]);
    await stream.apply(0, 9, { expected: null });
    await db.query("select ampsync_worker.mark_live($1, $2)", [stream.id, stream.epoch]);
    expect(await about("chain.blocks")).toEqual([]);
    await moveClock(db, "1 day 16 minutes");
    expect(await about("chain.blocks")).toMatchObject([
      { severity: "warning", finding: expect.stringContaining("CREATE INDEX ON chain.blocks USING btree") },
    ]);
    await buildIndexes(db, stream);
    expect(await about("chain.blocks")).toEqual([]);
  });

  test("that failed are found at once, with the call that retries them", async () => {
    const stream = await live();
    await noteStep(db, stream, await nextStep(db, stream), FAILED, true);
    expect(await about("chain.blocks")).toMatchObject([
      { severity: "warning", finding: expect.stringContaining("permission denied") },
    ]);
    await fixed("chain.blocks");
  });

  test("that are invalid are found, but not those that the next attempt drops", async () => {
    const stream = await live();
    const step = await nextStep(db, stream);
    await leaveInvalid(db, step.statement, "chain.blocks__block_num_idx");
    expect(await about("chain.blocks")).toEqual([]);
    await buildIndexes(db, stream);
    await leaveInvalid(db, "create index mine on chain.blocks (note)", "chain.mine");
    const [found, ...more] = await about("chain.blocks");
    expect(more).toEqual([]);
    expect(found).toMatchObject({ finding: expect.stringContaining("index chain.mine is invalid") });
    await db.query(found!.fix.replace(" concurrently", "")); // Which a transaction refuses.
    expect(await about("chain.blocks")).toEqual([]);
  });
});
