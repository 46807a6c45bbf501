import { describe, expect, test } from "vitest";
import { moveClock } from "../../support/postgres/clock.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres/postgres.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { registerDataset, SqlStream } from "../../support/postgres/sql-stream.ts";

/** A target of the design of 2025, and its checkpoints. */
const TARGET_2025 = `create table public.blocks (_id bytea primary key, _block_num_start bigint not null,
  _block_num_end bigint not null, block_num bigint, hash bytea);
  insert into public.blocks values ('\\x01', 0, 9, 3, '\\x02')`;
const CHECKPOINTS = {
  "of each network": `create table public._ampsync_checkpoints (table_name text, network text,
    incremental_block_num bigint, incremental_updated_at timestamptz, watermark_block_num bigint,
    watermark_block_hash bytea, watermark_updated_at timestamptz, updated_at timestamptz,
    primary key (table_name, network))`,
  "of a single column":
    "create table public._ampsync_checkpoints (table_name text primary key, max_block_num bigint, updated_at timestamptz)",
};
/** A target of the design of 2026, and its state. */
const TARGET_2026 = `create table public.blocks (_tx_id bigint, _row_index integer, block_num numeric(20,0), hash bytea,
    primary key (_tx_id, _row_index))`;
const STATE_2026 = `create table public.amp_client_state (stream_id text primary key, next_transaction_id bigint,
    updated_at timestamptz);
  create table public.amp_client_buffer_entries (stream_id text, transaction_id bigint, block_ranges jsonb,
    primary key (stream_id, transaction_id))`;

const FOUND = {
  ...Object.fromEntries(
    Object.entries(CHECKPOINTS).map(([form, table]) => [
      `of 2025 with checkpoints ${form}`,
      { ddl: `${TARGET_2025};${table}`, shownBy: "its checkpoints in the table public._ampsync_checkpoints" },
    ]),
  ),
  "of 2026": {
    ddl: `${TARGET_2026};${STATE_2026}`,
    shownBy: "its state in the tables amp_client_state and amp_client_buffer_entries",
  },
};

/** Everything in a schema, with its columns and number of rows. */
async function contents(db: Pick<TestDatabase, "query">) {
  const { rows } = await db.query(
    `select c.relname, array_agg(a.attname || ' ' || a.atttypid::regtype order by a.attnum) as columns,
            (xpath('/row/n/text()', query_to_xml(format('select count(*) as n from public.%I', c.relname), false, true, '')))[1]::text as n
       from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
      where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' group by c.relname order by 1`,
  );
  return rows;
}

describe.each(Object.entries(FOUND))("a table of the Rust ampsync %s", (_, { ddl, shownBy }) => {
  const db = rolledBackDatabase();

  test("is recognised and left as it is; the hint loads the dataset beside it", async () => {
    await db.query(ddl);
    const before = await contents(db);
    const error = await refusal(
      db,
      "select ampsync.enqueue_sync('eth', tables => '{blocks,logs}', target_schema => 'public')",
    );
    expect(error).toMatchObject({
      code: "SY003",
      message: "Target table public.blocks was made by the Rust ampsync",
      detail: expect.stringContaining(shownBy),
      hint: "select ampsync.enqueue_sync('eth', tables => '{blocks,logs}', target_schema => 'eth');",
    });
    await db.query(error.hint!);
    await registerDataset(db, "eth", ["blocks", "logs"]);
    const { rows } = await db.query("select target, error_code from ampsync.streams order by target");
    expect(rows).toEqual([
      { target: "eth.blocks", error_code: null },
      { target: "eth.logs", error_code: null },
    ]);
    expect(await contents(db)).toEqual(before);
  });

  test("leaves a dataset failed whose tables become known later, with a hint that works", async () => {
    await using own = await createDatabase();
    await own.query(ddl);
    await own.query("select ampsync.enqueue_sync('eth', target_schema => 'public')");
    await registerDataset(own, "eth", ["blocks"]);
    const { rows } = await own.query("select state, waiting_on, hint from ampsync.status");
    expect(rows).toEqual([
      {
        state: "failed",
        waiting_on: "Target table public.blocks was made by the Rust ampsync",
        hint: "select ampsync.drop_sync('eth'); select ampsync.enqueue_sync('eth', target_schema => 'eth');",
      },
    ]);
    await own.query(rows[0]!["hint"]);
    await registerDataset(own, "eth", ["blocks"]);
    expect((await own.query("select state, target from ampsync.streams")).rows).toEqual([
      { state: "waiting", target: "eth.blocks" },
    ]);
  });

  test("can be replaced by the one that was loaded beside it, in one transaction", async () => {
    await db.query(ddl);
    const stream = await SqlStream.prepare(db, { dataset: "eth" });
    await stream.apply(0, 9);
    await db.query(`create schema before;
      alter table if exists public._ampsync_checkpoints set schema before;
      alter table public.blocks set schema before;
      alter table eth.blocks set schema public`);
    await moveClock(db, "31 s");
    await stream.acquire("worker-2");
    const moved = new SqlStream(db, stream.id, "public.blocks", true, stream.epoch);
    await moved.prepareTarget();
    await moved.apply(10, 11);
    expect(await moved.rows()).toBe("a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 a10 a11");
    const { rows } = await db.query(
      "select table_name, watermark_block_num from public._ampsync_checkpoints",
    );
    expect(rows).toEqual([{ table_name: "blocks", watermark_block_num: "11" }]);
  });
});

describe("is not mistaken for one:", () => {
  const db = rolledBackDatabase();

  test.each([
    ["a table of the form of 2025 without its checkpoints", TARGET_2025],
    ["a table of the form of 2026 without its state", TARGET_2026],
    [
      "any table beside those checkpoints",
      `create table public.blocks (n int); ${CHECKPOINTS["of a single column"]}`,
    ],
    ["any table beside that state", `create table public.blocks (n int); ${STATE_2026}`],
  ])("%s", async (_, ddl) => {
    await db.query(ddl);
    const error = await refusal(
      db,
      "select ampsync.enqueue_sync('eth', tables => '{blocks}', target_schema => 'public')",
    );
    expect(error).toMatchObject({ code: "SY003", hint: "alter table public.blocks rename to blocks_1;" });
  });

  test("a table of ours, beside our view of checkpoints", async () => {
    const stream = await SqlStream.prepare(db);
    const { rows } = await db.query("select ampsync_private.earlier_ampsync('chain', 'blocks') as found");
    expect(rows).toEqual([{ found: null }]);
    await stream.commit(0, 1);
  });
});
