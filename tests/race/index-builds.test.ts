import type pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";

import { Caller } from "../../src/db/caller.ts";
import { IndexBuilder } from "../../src/db/index-builder.ts";
import { createLog } from "../../src/log.ts";
import { moveClock } from "../support/postgres/clock.ts";
import { type IndexRow, nextStep, shownIndexes } from "../support/postgres/indexes.ts";
import { createDatabase, type TestDatabase } from "../support/postgres/postgres.ts";
import { supervise } from "../support/postgres/queue.ts";
import { backendOf, untilBlocked } from "../support/postgres/rivals.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";
import { SqlStream } from "../support/postgres/sql-stream.ts";
import { waitFor } from "../support/wait-for.ts";

const db = sharedDatabase();
let dataset: string;
/** At the head, with blocks 0 to 9 and one index to build. */
let stream: SqlStream;
let datasets = 0;
const builders: IndexBuilder[] = [];
const sessions: pg.Client[] = [];
/** What builders have logged in this test. */
const lines: Record<string, unknown>[] = [];

beforeEach(async () => {
  dataset = `chain_${++datasets}`;
  lines.splice(0);
  stream = await liveStream(db, dataset);
});

afterEach(async () => {
  await Promise.all(builders.splice(0).map((builder) => builder.close()));
  await Promise.all(sessions.splice(0).map((client) => client.end()));
  await waitFor("the session that builds to end", async () => {
    const { rows } = await db.query("select ampsync_private.index_builder() as pid");
    return rows[0]!["pid"] === null;
  });
  await db.query("select ampsync.drop_sync($1)", [dataset]);
});

async function liveStream(database: TestDatabase, name: string): Promise<SqlStream> {
  const made = await SqlStream.prepare(database, { dataset: name });
  await made.commit(0, 9);
  await database.query("select ampsync_worker.mark_live($1, $2)", [made.id, made.epoch]);
  return made;
}

/** A session that ends with the test, whatever it has left open. */
async function session(database = db): Promise<pg.Client> {
  const client = await database.client();
  sessions.push(client);
  return client;
}

/** What a worker builds with. */
async function startBuilder(database = db, of = stream): Promise<IndexBuilder> {
  const client = await database.client();
  const caller = new Caller(({ text, values }) => client.query(text, values));
  const builder = new IndexBuilder(
    database.url,
    caller,
    createLog("info", (line) => lines.push(JSON.parse(line))),
  );
  builder.start(BigInt(of.id));
  builders.push(builder);
  return builder;
}

async function shown(database = db, name = dataset): Promise<IndexRow & { waits_for: number[] | null }> {
  const { rows } = await database.query("select * from ampsync.indexes where dataset = $1", [name]);
  return rows[0] as IndexRow & { waits_for: number[] | null };
}

async function untilState(state: string, database = db, name = dataset): Promise<void> {
  await waitFor(`the index to be ${state}`, async () => (await shown(database, name))?.state === state);
}

/** A build is retried as often as needed; each time its pause is over. */
async function untilValid(builder: IndexBuilder): Promise<void> {
  await waitFor("the index to be valid", async () => {
    if ((await shown()).state === "valid") return true;
    await moveClock(db, "15 minutes");
    builder.start(BigInt(stream.id));
    return false;
  });
}

/** A session whose open snapshot a build waits for. */
async function reader(database = db): Promise<pg.Client> {
  const client = await session(database);
  await client.query("begin isolation level repeatable read");
  await client.query("select 1 from pg_class limit 1");
  return client;
}

/** Until the build waits for this session. */
async function untilHeldUp(client: pg.Client, database = db, name = dataset): Promise<void> {
  // Its process id cannot be asked in a transaction that has failed, nor while it is busy.
  const { processID } = client as pg.Client & { readonly processID: number };
  await waitFor("the build to wait for a session", async () =>
    Boolean((await shown(database, name))?.waits_for?.includes(processID)),
  );
}

test("a build that waits for a transaction shows which one", async () => {
  const holder = await reader();
  const builder = await startBuilder();
  await untilHeldUp(holder);
  expect(await shown()).toMatchObject({
    state: "building",
    phase: expect.stringContaining("waiting for"),
    hint: expect.stringContaining("pg_stat_activity"),
  });
  await holder.query("commit");
  await untilValid(builder);
  expect(lines).toContainEqual(
    expect.objectContaining({ event: "index_step", stream_id: stream.id, dataset, table: "blocks" }),
  );
});

test("somebody who has written and then locks the table gets the lock, and the build is retried", async () => {
  const user = await session();
  await user.query("set deadlock_timeout = '20 s'"); // On a busy machine the build may give way late.
  await user.query(`begin; update ${stream.target} set note = 'mine' where _block_num = 3`);
  const builder = await startBuilder();
  await untilHeldUp(user);
  await user.query(`lock table ${stream.target} in share mode; commit`);
  await untilState("waiting");
  expect(await shown()).toMatchObject({
    error_code: "57014",
    error: expect.stringMatching(/^the build was ended because session \d+ .*ampsync test.* waited for it$/),
    hint: "Retried automatically: select * from ampsync.indexes;",
  });
  expect(lines.filter(({ event }) => event === "index_failed")).toMatchObject([
    { stream_id: stream.id, dataset, table: "blocks", code: "57014" },
  ]);
  await untilValid(builder);
});

test.each([
  ["alter table", (target: string) => `alter table ${target} add column mine text`],
  ["create index", (target: string) => `create index on ${target} (note)`],
  ["vacuum", (target: string) => `vacuum ${target}`],
])("a build gives way to %s", async (_, statement) => {
  const holder = await reader();
  const builder = await startBuilder();
  await untilHeldUp(holder);
  const user = await session();
  await user.query(statement(stream.target));
  await holder.query("commit");
  await untilValid(builder);
});

test("a table that somebody has locked is not waited for, and its writers do not wait for the build", async () => {
  const user = await session();
  await user.query(`begin; lock table ${stream.target} in share update exclusive mode`);
  const builder = await startBuilder();
  await waitFor("the build to give up", async () => (await shown()).error !== null);
  expect((await shown()).error).toMatch(/^the table is locked by session \d+ .*idle in transaction/);
  await stream.commit(10, 19);
  await user.query("commit");
  await untilValid(builder);
});

test("somebody else's CREATE INDEX CONCURRENTLY on the table comes first, and its index counts", async () => {
  const holder = await reader();
  const user = await session();
  const pid = await backendOf(user);
  await user.query("set deadlock_timeout = '20 s'"); // On a busy machine the build may give way late.
  const theirs = user.query(`create index concurrently mine_${datasets} on ${stream.target} (_block_num)`);
  await untilBlocked(db, pid);
  const builder = await startBuilder();
  await waitFor("the build to give up", async () => (await shown()).error !== null);
  await holder.query("commit");
  await theirs;
  await untilValid(builder);
  expect((await shown()).index).toBe(`mine_${datasets}`);
});

test.each(["kept", "dropped"])(
  "drop_sync ends a build, also one without a worker: tables %s",
  async (state) => {
    const holder = await reader();
    const orphan = await session();
    await orphan.query("select ampsync_worker.hold_index_lock()");
    const step = await nextStep(orphan, stream);
    const ended = orphan.query(step.statement).catch((error: Error) => error);
    await untilHeldUp(holder);
    const { rows } = await db.query("select * from ampsync.drop_sync($1, drop_tables => $2)", [
      dataset,
      state === "dropped",
    ]);
    expect(await ended).toMatchObject({ code: "57P01" });
    expect(rows).toMatchObject([{ state }]);
    await holder.query("commit");
    expect(await shownIndexes(db)).toEqual([]);
    if (state === "kept") {
      expect(rows[0]!["hint"]).toContain("drop index");
      await db.query(rows[0]!["hint"]);
      const left = await db.query("select from pg_index where indrelid = $1::regclass and not indisvalid", [
        stream.target,
      ]);
      expect(left.rowCount).toBe(0);
    }
  },
);

test("a worker whose build drop_sync ended builds for other datasets", async () => {
  const holder = await reader();
  const builder = await startBuilder();
  await untilHeldUp(holder);
  const other = await liveStream(db, `${dataset}_other`);
  const { rows } = await db.query("select * from ampsync.drop_sync($1, drop_tables => true)", [dataset]);
  expect(rows).toMatchObject([{ state: "dropped" }]);
  await holder.query("commit");
  await waitFor("the other index to be valid", async () => {
    builder.start(BigInt(other.id));
    return (await shown(db, `${dataset}_other`)).state === "valid";
  });
  await db.query("select ampsync.drop_sync($1)", [`${dataset}_other`]);
});

test("a build without a worker gives way when the supervisor looks", async () => {
  const holder = await reader();
  const orphan = await session();
  await orphan.query("select ampsync_worker.hold_index_lock()");
  const step = await nextStep(orphan, stream);
  const ended = orphan.query(step.statement).catch((error: Error) => error);
  await untilHeldUp(holder);
  const user = await session();
  const pid = await backendOf(user);
  const altered = user.query(`alter table ${stream.target} add column mine text`);
  await untilBlocked(db, pid);
  await moveClock(db, "6 s");
  await supervise(db);
  expect(await ended).toMatchObject({ code: "57014" });
  await altered;
  await holder.query("commit");
  await orphan.end();
  await untilValid(await startBuilder());
});

test("a pause leaves a build to end, and nothing new begins until it is resumed", async () => {
  const holder = await reader();
  const builder = await startBuilder();
  await untilHeldUp(holder);
  await db.query("select ampsync.pause_sync($1)", [dataset]);
  await db.query("select ampsync.enqueue_sync($1, indexes => $2)", [
    dataset,
    JSON.stringify({ blocks: [["note"]] }),
  ]);
  await holder.query("commit");
  const states = async () => (await shownIndexes(db)).map((row) => row.state).sort();
  await waitFor("the build to end", async () => (await states()).includes("valid"));
  expect(await states()).toEqual(["valid", "waiting"]);
  await db.query("select ampsync.resume_sync($1)", [dataset]);
  await waitFor("the second one", async () => {
    builder.start(BigInt(stream.id));
    return (await states()).every((state) => state === "valid");
  });
});

test("an index that is no longer wanted when its build ends stays, and is nobody's", async () => {
  const holder = await reader();
  await startBuilder();
  await untilHeldUp(holder);
  await db.query("select ampsync.enqueue_sync($1, block_index => 'none')", [dataset]);
  expect(await shownIndexes(db)).toEqual([]);
  await holder.query("commit");
  await waitFor("the index to be valid", async () => {
    const { rows } = await db.query(
      `select from pg_index i where i.indrelid = $1::regclass and not i.indisprimary and i.indisvalid`,
      [stream.target],
    );
    return rows.length === 1;
  });
});

test("of two workers one builds, and the other one looks again later", async () => {
  const holder = await reader();
  const first = await startBuilder();
  await untilHeldUp(holder);
  const second = await startBuilder();
  await waitFor("the second worker to come back later", async () => {
    const { rows } = await db.query(
      "select from ampsync.jobs where task = 'ampsync_index' and dataset = $1 and run_at > clock_timestamp()",
      [dataset],
    );
    return rows.length === 1;
  });
  const { rows } = await db.query(
    "select from pg_stat_progress_create_index where datname = current_database()",
  );
  expect(rows).toHaveLength(1);
  await holder.query("commit");
  await untilValid(first);
  second.start(BigInt(stream.id));
  expect((await shown()).state).toBe("valid");
});

test("a worker that stops while its builder connects does not wait for it forever", async () => {
  const builder = await startBuilder();
  await builder.close();
});

test("a build in one database does not keep those of another one waiting", async () => {
  const holder = await reader();
  await startBuilder();
  await untilHeldUp(holder);
  await using other = await createDatabase();
  const neighbour = await liveStream(other, "chain");
  const builder = await startBuilder(other, neighbour);
  await untilState("valid", other, "chain");
  await builder.close();
  expect((await shown()).state).toBe("building");
  await holder.query("commit");
  await untilState("valid");
});

test("a build whose session is ended is begun again", async () => {
  const holder = await reader();
  const builder = await startBuilder();
  await untilHeldUp(holder);
  await db.query(
    "select pg_terminate_backend(pid, 5000) from pg_stat_progress_create_index where datname = current_database()",
  );
  expect((await shown()).state).toBe("waiting");
  await holder.query("commit");
  await untilValid(builder);
  const { rows } = await db.query("select from pg_index where indrelid = $1::regclass and not indisprimary", [
    stream.target,
  ]);
  expect(rows).toHaveLength(1);
});

test("doctor names whom a build has waited for", async () => {
  const holder = await reader();
  const builder = await startBuilder();
  await untilHeldUp(holder);
  await moveClock(db, "16 minutes");
  const { rows } = await db.query("select * from ampsync.doctor() where subject = $1", [`${dataset}.blocks`]);
  expect(rows).toMatchObject([
    {
      severity: "warning",
      finding: expect.stringMatching(/building since .*, behind session \d+ .*CREATE INDEX/),
    },
  ]);
  expect((await db.query(rows[0]!["fix"])).rows).toHaveLength(1);
  await holder.query("commit");
  await untilValid(builder);
});
