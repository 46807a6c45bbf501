import { describe, expect, test } from "vitest";

import { buildIndexes, nextStep, shownIndexes } from "../../support/postgres/indexes.ts";
import { clearQueue, supervise } from "../../support/postgres/queue.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { startResync } from "../../support/postgres/shadow.ts";
import { COLUMNS, SqlStream, waitingJobs } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

const indexJobs = () => waitingJobs(db, "ampsync_index:%");
const columns = (...names: string[]) => [
  ...COLUMNS,
  ...names.map((name) => ({ name, type: "bigint", not_null: false })),
];

async function live(stream: SqlStream): Promise<void> {
  await stream.apply(0, 9, { expected: null });
  await db.query("select ampsync_worker.mark_live($1, $2)", [stream.id, stream.epoch]);
}

async function declare(indexes: unknown, dataset = "chain"): Promise<void> {
  await db.query("select ampsync.enqueue_sync($1, indexes => $2)", [dataset, JSON.stringify(indexes)]);
}

const option = (blockIndex: string) =>
  db.query("select ampsync.enqueue_sync('chain', block_index => $1)", [blockIndex]);

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;

const names = async () => (await shownIndexes(db)).map((row) => row.index);

describe("the index on the block", () => {
  test("waits until the table first reaches the head, and is then queued", async () => {
    const stream = await SqlStream.prepare(db);
    expect(await shownIndexes(db)).toMatchObject([
      {
        table_name: "blocks",
        state: "waiting",
        definition: "CREATE INDEX ON chain.blocks USING btree (_block_num)",
        hint: "It is built once the table has reached the head.",
      },
    ]);
    expect(await nextStep(db, stream)).toBeNull();
    expect(await indexJobs()).toEqual([]);
    await live(stream);
    expect(await indexJobs()).toMatchObject([{ key: `ampsync_index:${stream.id}` }]);
    expect(await buildIndexes(db, stream)).toEqual([
      "create index concurrently blocks__block_num_idx on chain.blocks using btree (_block_num)",
    ]);
    expect(await shownIndexes(db)).toMatchObject([
      {
        index: "blocks__block_num_idx",
        state: "valid",
        definition: "CREATE INDEX blocks__block_num_idx ON chain.blocks USING btree (_block_num)",
        error: null,
        hint: null,
      },
    ]);
  });

  test("is made for a column block_num of the dataset as well, also without _block_num", async () => {
    const stream = await SqlStream.prepare(db, { hasBlockNum: false, columns: columns("block_num") });
    await live(stream);
    expect(await buildIndexes(db, stream)).toEqual([
      "create index concurrently blocks_block_num_idx on chain.blocks using btree (block_num)",
    ]);
  });

  test("is queued at once when it is wanted only after the backfill", async () => {
    const stream = await SqlStream.prepare(db);
    await option("none");
    await live(stream);
    expect(await shownIndexes(db)).toEqual([]);
    expect(await indexJobs()).toEqual([]);
    await option("brin");
    expect(await indexJobs()).toHaveLength(1);
    expect(await buildIndexes(db, stream)).toEqual([
      "create index concurrently blocks__block_num_idx on chain.blocks using brin (_block_num) with (autosummarize = on)",
    ]);
  });

  test("stays in the table when it is no longer wanted", async () => {
    const stream = await SqlStream.prepare(db);
    await live(stream);
    await buildIndexes(db, stream);
    await option("none");
    expect(await shownIndexes(db)).toEqual([]);
    expect(
      (await db.query("select to_regclass('chain.blocks__block_num_idx') is not null as kept")).rows,
    ).toEqual([{ kept: true }]);
  });

  test.each(["hash", ""])("of kind %j is refused", async (kind) => {
    await SqlStream.prepare(db);
    const error = await refusal(db, () => option(kind));
    expect(error).toMatchObject({
      code: "SY004",
      message: `block_index => '${kind}' is not a kind of index`,
    });
    await db.query(error.hint!);
  });
});

describe("declared indexes", () => {
  test("have their columns quoted and in their order", async () => {
    const stream = await SqlStream.prepare(db, { columns: columns("Mixed", "select", "a b") });
    await declare({
      blocks: [
        ["note", "_block_num desc"],
        ["Mixed ASC nulls first", "select desc nulls last"],
        ['"a b" desc'],
      ],
    });
    await live(stream);
    expect(await buildIndexes(db, stream)).toEqual([
      "create index concurrently blocks__block_num_idx on chain.blocks using btree (_block_num)",
      "create index concurrently blocks_note__block_num_idx on chain.blocks using btree (note, _block_num desc)",
      'create index concurrently "blocks_Mixed_select_idx" on chain.blocks using btree ("Mixed" nulls first, "select" desc nulls last)',
      'create index concurrently "blocks_a b_idx" on chain.blocks using btree ("a b" desc)',
    ]);
    expect((await shownIndexes(db)).map((row) => row.state)).toEqual(["valid", "valid", "valid", "valid"]);
  });

  test("take any column name, and make no more of it", async () => {
    const hostile = 'x") where (true); drop table chain.blocks; --';
    const stream = await SqlStream.prepare(db, { columns: columns(hostile, "DESC nulls", "%I\n") });
    await declare({ blocks: [[quoted(hostile), `${quoted("DESC nulls")} desc`], [quoted("%I\n")]] });
    await live(stream);
    await buildIndexes(db, stream);
    const { rows } = await db.query(
      `select array_agg(a.attname::text order by a.attnum) as columns from pg_index i
         join pg_attribute a on a.attrelid = i.indexrelid
        where i.indrelid = 'chain.blocks'::regclass and not i.indisprimary group by i.indexrelid order by 1`,
    );
    expect(rows).toEqual([
      { columns: ["%I\n"] },
      { columns: ["_block_num"] },
      { columns: [hostile, "DESC nulls"] },
    ]);
  });

  test("of one table twice are made once, and what is left out later is forgotten", async () => {
    const stream = await SqlStream.prepare(db);
    await declare({ blocks: [["note"], ["note asc"], ["note", "_id"]] });
    await live(stream);
    await buildIndexes(db, stream);
    expect(await names()).toEqual(["blocks__block_num_idx", "blocks_note__id_idx", "blocks_note_idx"]);
    await declare({ blocks: [["note"]] });
    expect(await names()).toHaveLength(2);
    await db.query("select ampsync.enqueue_sync('chain')"); // An omitted option keeps its value.
    expect(await names()).toHaveLength(2);
  });

  const WRONG: readonly (readonly [unknown, string, string])[] = [
    [[], "indexes => a JSON array is not an object of tables", "one member per table"],
    [{ blocks: "note" }, "indexes => table blocks has no list of indexes", 'Given: "note".'],
    [{ blocks: ["note"] }, 'indexes => table blocks: "note" is not a list of 1 to 32 columns', "asc, desc"],
    [{ blocks: [[]] }, "indexes => table blocks: [] is not a list of 1 to 32 columns", "asc, desc"],
    [{ blocks: [[1]] }, "indexes => table blocks: [1] is not a list of 1 to 32 columns", "asc, desc"],
    [
      { blocks: [["lower(note)"]] },
      "'lower(note)' is not a column of an index",
      "Expressions are not offered",
    ],
    [{ blocks: [["note sideways"]] }, "'note sideways' is not a column of an index", "nulls last"],
    [{ blocks: [["note) where (true"]] }, "'note) where (true' is not a column of an index", "nulls last"],
    [
      { blocks: [["note", "note desc"]] },
      'indexes => table blocks: ["note", "note desc"] names a column twice',
      "once",
    ],
    [{ blocks: [["Note"]] }, "indexes => table blocks has no column Note", "upper case included"],
    [{ logs: [["note"]] }, "indexes => table logs is not synced", "Tables of chain: blocks."],
    [{ "a b": [["note"]] }, "'a b' is not a table name", "starts with a letter"],
  ];
  test.each(WRONG)("that are wrong are refused: %j", async (indexes, message, detail) => {
    await SqlStream.prepare(db);
    const error = await refusal(db, () => declare(indexes));
    expect(error).toMatchObject({ code: "SY004", message });
    expect(error.detail).toContain(detail);
  });

  test("that are refused come with a statement that works", async () => {
    await SqlStream.prepare(db);
    await db.query((await refusal(db, () => declare([]))).hint!);
    expect(await names()).toHaveLength(2);
  });

  test("are shown before their table is there, and when it turns out not to be in the dataset", async () => {
    await declare({ logs: [["note desc"]], blocks: [["note"]] });
    expect(await shownIndexes(db)).toMatchObject([
      {
        table_name: "blocks",
        state: "waiting",
        definition: "CREATE INDEX ON chain.blocks USING btree (note)",
      },
      { table_name: "logs", state: "waiting", hint: expect.stringContaining("ampsync.status") },
    ]);
    await SqlStream.register(db);
    const [blocks, logs, ...more] = await shownIndexes(db);
    expect(more).toEqual([]);
    expect(blocks).toMatchObject({ table_name: "blocks", state: "waiting" });
    expect(logs).toMatchObject({ state: "failed", error_code: "SY004", error: "table logs is not synced" });
    await db.query(logs!.hint!);
    expect(await shownIndexes(db)).toMatchObject([{ table_name: "blocks", state: "waiting" }]);
  });

  test("whose table is not there yet fail visibly when they turn out wrong, and only they", async () => {
    await declare({ blocks: [["nowhere"], ["note"]] });
    const stream = await SqlStream.prepare(db);
    await live(stream);
    await buildIndexes(db, stream);
    const rows = await shownIndexes(db);
    expect(rows.filter((row) => row.state === "valid")).toHaveLength(2);
    const [failed] = rows.filter((row) => row.state === "failed");
    expect(failed).toMatchObject({ error_code: "SY004", error: "table chain.blocks has no column nowhere" });
    await db.query(failed!.hint!);
    expect((await shownIndexes(db)).map((row) => row.state)).not.toContain("failed");
  });
});

describe("names", () => {
  const LONG = "b".repeat(60);
  test("over 63 bytes have 40 bytes of the table, a hash, and the columns if they still fit", async () => {
    const stream = await SqlStream.prepare(db, { table: LONG, columns: columns("block_num") });
    await live(stream);
    await buildIndexes(db, stream);
    const made = await names();
    expect(made).toHaveLength(2);
    expect(made).toContainEqual(expect.stringMatching(/^b{40}_[0-9a-f]{8}_idx$/));
    expect(made).toContainEqual(expect.stringMatching(/^b{40}_[0-9a-f]{8}_block_num_idx$/));
  });

  test("are cut between characters", async () => {
    const stream = await SqlStream.prepare(db);
    await live(stream);
    await db.query(`alter table chain.blocks rename to "${"ü".repeat(31)}"`);
    const { statement } = (await nextStep(db, stream))!;
    expect(statement).toMatch(/^create index concurrently "ü{20}_[0-9a-f]{8}_idx"/);
  });

  test("that something else has are not taken", async () => {
    const stream = await SqlStream.prepare(db);
    await db.query("create table chain.blocks__block_num_idx ()");
    await live(stream);
    await buildIndexes(db, stream);
    expect(await names()).toEqual([expect.stringMatching(/^blocks_[0-9a-f]{8}_idx$/)]);
  });
});

test("a resync keeps the indexes: the table stays the same, and the new load has none of its own", async () => {
  const stream = await SqlStream.prepare(db);
  await live(stream);
  await buildIndexes(db, stream);
  const shadow = await startResync(db, stream);
  await shadow.apply(0, 9, { fork: "b", expected: null });
  await db.query("select ampsync_worker.mark_live($1, $2)", [shadow.id, shadow.epoch]);
  expect(await shownIndexes(db)).toHaveLength(1);
  await db.query("select ampsync_worker.swap_resync($1)", [shadow.id]);
  expect(await shownIndexes(db)).toMatchObject([{ index: "blocks__block_num_idx", state: "valid" }]);
  expect(await nextStep(db, stream)).toBeNull();
});

test("a table that is replaced by another one keeps its indexes", async () => {
  const stream = await SqlStream.prepare(db);
  await live(stream);
  await declare({ blocks: [["note"]] });
  await buildIndexes(db, stream);
  await db.query("create table public.other (like chain.blocks including all excluding indexes)");
  await db.query("alter table public.other add primary key (_id); create schema former");
  const { rows } = await db.query(`select 'public.other'::regclass::oid::bigint as oid,
    ampsync_private.replace_target('chain.blocks', 'public.other', 'former', 'blocks')`);
  await db.query("update ampsync_private.stream set target = $1::bigint::oid::regclass", [rows[0]!["oid"]]);
  await clearQueue(db);
  await supervise(db);
  expect(await indexJobs()).toHaveLength(1);
  expect(await buildIndexes(db, stream)).toEqual([]);
  expect(await shownIndexes(db)).toMatchObject([{ state: "valid" }, { state: "valid" }]);
});

test("add_block_num_with_primary_key: a column block_num that comes later gets its index", async () => {
  const stream = await SqlStream.prepare(db);
  await live(stream);
  await buildIndexes(db, stream);
  await stream.prepareTarget(columns("block_num"));
  expect(await indexJobs()).toHaveLength(1);
  expect(await buildIndexes(db, stream)).toEqual([
    "create index concurrently blocks_block_num_idx on chain.blocks using btree (block_num)",
  ]);
});

test("a declared index on a column that comes later fails until then, and is built with no further call", async () => {
  await declare({ blocks: [["size", "_block_num desc"], ["nowhere"]] });
  const stream = await SqlStream.prepare(db);
  await live(stream);
  await buildIndexes(db, stream);
  const failed = async () =>
    (await shownIndexes(db)).filter(({ state }) => state === "failed").map(({ error }) => error);
  expect(await failed()).toEqual([
    "table chain.blocks has no column nowhere",
    "table chain.blocks has no column size",
  ]);
  await stream.prepareTarget(columns("size"));
  expect(await indexJobs()).toHaveLength(1);
  expect(await buildIndexes(db, stream)).toEqual([
    "create index concurrently blocks_size__block_num_idx on chain.blocks using btree (size, _block_num desc)",
  ]);
  expect(await failed()).toEqual(["table chain.blocks has no column nowhere"]);
});

test("a change of block_index builds the new index, and the old one stays until it is dropped", async () => {
  const stream = await SqlStream.prepare(db);
  await live(stream);
  await option("brin");
  await buildIndexes(db, stream);
  await option("btree");
  expect(await buildIndexes(db, stream)).toHaveLength(1);
  const { rows } = await db.query(
    "select count(*)::int as n from pg_index where indrelid = 'chain.blocks'::regclass and not indisprimary",
  );
  expect(rows).toEqual([{ n: 2 }]);
  expect(await shownIndexes(db)).toHaveLength(1);
});

test("a target that is made anew gets its indexes after its own backfill", async () => {
  const stream = await SqlStream.prepare(db);
  await live(stream);
  await buildIndexes(db, stream);
  await db.query("drop table chain.blocks");
  await db.query("select ampsync.resync('chain')");
  await stream.acquire("worker-2");
  await stream.prepareTarget();
  expect(await shownIndexes(db)).toMatchObject([
    { state: "waiting", hint: expect.stringContaining("reached the head") },
  ]);
  expect(await nextStep(db, stream)).toBeNull();
});

test("the supervisor queues a job that was lost, also for an index that was dropped; not for one that is there", async () => {
  const stream = await SqlStream.prepare(db);
  await live(stream);
  await clearQueue(db);
  await supervise(db);
  expect(await indexJobs()).toHaveLength(1);
  await buildIndexes(db, stream);
  await clearQueue(db);
  await supervise(db);
  expect(await indexJobs()).toEqual([]);
  await db.query("drop index chain.blocks__block_num_idx");
  expect(await shownIndexes(db)).toMatchObject([{ state: "waiting" }]);
  await supervise(db);
  expect(await indexJobs()).toHaveLength(1);
  expect(await buildIndexes(db, stream)).toHaveLength(1);
});

test("a paused stream builds nothing", async () => {
  const stream = await SqlStream.prepare(db);
  await live(stream);
  await db.query("select ampsync.pause_sync('chain')");
  expect(await nextStep(db, stream)).toBeNull();
  expect(await shownIndexes(db)).toMatchObject([
    { state: "waiting", hint: "The table is paused: select * from ampsync.streams;" },
  ]);
});

test("alter_sync takes both options", async () => {
  const stream = await SqlStream.prepare(db);
  await db.query(
    `select ampsync.alter_sync('chain', block_index => 'none', indexes => '{"blocks": [["note"]]}')`,
  );
  await live(stream);
  await buildIndexes(db, stream);
  expect(await names()).toEqual(["blocks_note_idx"]);
});
