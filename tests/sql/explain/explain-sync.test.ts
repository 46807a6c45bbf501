import { describe, expect, test } from "vitest";

import { letTimePassWithin } from "../../support/postgres/clock.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { shadowOf } from "../../support/postgres/shadow.ts";
import { COLUMNS, registerDataset, SqlStream, waitingJobs } from "../../support/postgres/sql-stream.ts";
import { loadedDataset, newTable, startUpgrade } from "../../support/postgres/upgrade.ts";
import { offer } from "../../support/postgres/versions.ts";

const db = rolledBackDatabase();

interface Step {
  readonly table_name: string | null;
  readonly step: string;
  readonly statement: string | null;
  readonly detail: string | null;
}

async function explain(dataset = "chain"): Promise<readonly Step[]> {
  const { rows } = await db.query("select * from ampsync.explain_sync($1)", [dataset]);
  return rows as unknown as readonly Step[]; // As the function declares them.
}

/** What a worker does about the job that explain_sync queued. */
async function answer(tables: readonly object[], version = "1.0.0", head: number | null = 99): Promise<void> {
  const { rows } = await db.query("select answer_id from ampsync_private.answer");
  const id = rows[0]!["answer_id"];
  await db.query("select ampsync_worker.note_answer($1, $2, null, true, $3, $4, null)", [
    id,
    version,
    JSON.stringify(tables),
    head,
  ]);
}

const BLOCKS = { table: "blocks", has_block_num: true, columns: COLUMNS };
const of = (steps: readonly Step[], step: string) => steps.filter((each) => each.step === step);

/** Everything that explain_sync must leave as it was. */
async function state() {
  const { rows } = await db.query(
    `select (select jsonb_agg(d order by 1) from ampsync_private.dataset d) as datasets,
            (select jsonb_agg(s order by 1) from ampsync_private.stream s) as streams,
            (select count(*)::int from ampsync_private.event) as events,
            (select count(*)::int from pg_class) as relations,
            (select array_agg(j.key order by 1) from graphile_worker.jobs j where j.key not like 'ampsync_explain:%') as jobs`,
  );
  return rows[0];
}

describe("for a dataset that is not synced", () => {
  test("asks the server first, and says so", async () => {
    expect(await explain()).toEqual([
      {
        table_name: null,
        step: "ask",
        statement: "select * from ampsync.explain_sync('chain');",
        detail: expect.stringContaining("call again"),
      },
    ]);
    expect(await waitingJobs(db, "ampsync_explain:%")).toHaveLength(1);
  });

  test("shows the statements, the query and how much there is to load, and does nothing of it", async () => {
    await explain();
    await answer([BLOCKS]);
    const before = await state();
    const steps = await explain();
    expect(steps.map(({ table_name, step }) => [table_name, step])).toEqual([
      [null, "version"],
      ["blocks", "create"],
      ["blocks", "create"],
      ["blocks", "create"],
      ["blocks", "query"],
      ["blocks", "resume"],
      ["blocks", "load"],
      ["blocks", "index"],
    ]);
    expect(of(steps, "create").map(({ statement }) => statement)).toEqual([
      "create schema chain",
      expect.stringContaining("create table chain.blocks ("),
      expect.stringContaining("alter table chain.blocks alter column block_hash"),
    ]);
    expect(of(steps, "query")[0]?.statement).toBe(
      'SELECT "_block_num", "block_hash", "note" FROM "_/chain@1.0.0"."blocks" SETTINGS stream = true',
    );
    expect(of(steps, "load")[0]?.detail).toBe("100 blocks up to block 99");
    expect(of(steps, "index")[0]?.statement).toBe(
      "create index concurrently on chain.blocks using btree (_block_num)",
    );
    expect(await state()).toEqual(before);
  });

  test("shows the same as what is done then", async () => {
    await explain();
    await answer([BLOCKS]);
    const [schema, ...rest] = of(await explain(), "create");
    expect(schema?.statement).toBe("create schema chain");
    const describeTable = async () => {
      const { rows } = await db.query(
        `select a.attname, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull, a.attstorage, a.attcompression,
                c.reloptions
           from pg_attribute a join pg_class c on c.oid = a.attrelid
          where a.attrelid = 'chain.blocks'::regclass and a.attnum > 0 order by a.attnum`,
      );
      return rows;
    };
    for (const { statement } of [schema!, ...rest]) await db.query(statement!);
    const explained = await describeTable();
    await db.query("drop schema chain cascade");
    await SqlStream.prepare(db);
    expect(await describeTable()).toEqual(explained);
  });

  test("takes other options inside a transaction that enqueues it", async () => {
    await explain();
    await answer([BLOCKS]);
    await db.query("select ampsync.enqueue_sync('chain', target_schema => 'eth', from_block => 90)");
    const steps = await explain();
    expect(of(steps, "create")[0]?.statement).toBe("create schema eth");
    expect(of(steps, "query")[0]?.statement).toContain(' WHERE "_block_num" >= 90 SETTINGS');
    expect(of(steps, "resume")[0]?.detail).toBe("from the first block; rows from block 90 on are stored");
  });

  test("shows what would be in the way", async () => {
    await explain();
    await answer([BLOCKS]);
    await db.query("create schema chain; create table chain.blocks (mine int)");
    expect(of(await explain(), "refuse")).toMatchObject([
      { detail: expect.stringContaining("chain.blocks"), statement: expect.stringContaining("resume_sync") },
    ]);
  });

  test("shows why a table cannot be synced, and goes on with the others", async () => {
    await explain();
    const error = {
      code: "SY202",
      message: "Unsupported Arrow type Union",
      detail: "in column c",
      hint: "select 1;",
    };
    await answer([BLOCKS, { table: "odd", error }]);
    const steps = await explain();
    expect(of(steps, "refuse")).toEqual([
      {
        table_name: "odd",
        step: "refuse",
        statement: "select 1;",
        detail: "Unsupported Arrow type Union in column c",
      },
    ]);
    expect(of(steps, "query").map(({ table_name }) => table_name)).toEqual(["blocks"]);
  });

  test("shows that the server did not answer", async () => {
    await explain();
    await db.query(
      `select ampsync_worker.note_answer(answer_id, null, null, null, null, null,
                '{"message": "no", "detail": "way", "hint": "select 1;"}')
         from ampsync_private.answer`,
    );
    expect(await explain()).toEqual([
      { table_name: null, step: "ask", statement: "select 1;", detail: "no way" },
    ]);
  });

  test("asks again once the answer is old, and shows it meanwhile", async () => {
    await explain();
    await answer([BLOCKS]);
    await db.query("delete from graphile_worker._private_jobs");
    await explain();
    expect(await waitingJobs(db, "ampsync_explain:%")).toHaveLength(0);
    await letTimePassWithin(db, "11 s");
    expect(of(await explain(), "query")).toHaveLength(1);
    expect(await waitingJobs(db, "ampsync_explain:%")).toHaveLength(1);
  });

  test("refuses what is no reference", async () => {
    expect(await refusal(db, "select * from ampsync.explain_sync('No')")).toMatchObject({ code: "SY004" });
  });
});

describe("for a dataset that is synced", () => {
  test("shows where each table resumes, and nothing to change where nothing does", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(0, 9);
    await explain();
    await answer([BLOCKS]);
    const before = await state();
    expect((await explain()).map(({ step, detail }) => [step, detail])).toEqual([
      ["version", expect.stringContaining("version 1.0.0")],
      ["query", null],
      ["resume", "after block 9"],
      ["load", "90 blocks up to block 99"],
      ["index", "built once the table has reached the head"],
    ]);
    expect(await state()).toEqual(before);
    await db.query("create index on chain.blocks (_block_num)");
    expect(of(await explain(), "index")).toEqual([]);
  });

  test("shows what a newer version would change, refuse, add and leave behind", async () => {
    await registerDataset(db, "chain", ["blocks", "logs"]);
    const stream = await SqlStream.prepare(db, { table: "blocks" });
    await stream.apply(0, 9);
    await explain();
    const added = { ...BLOCKS, columns: [{ name: "size", type: "bigint", not_null: true }, ...COLUMNS] };
    await answer([added, { ...BLOCKS, table: "calls" }], "2.0.0");
    const before = await state();
    const steps = await explain();
    expect(of(steps, "add_column")).toMatchObject([
      { table_name: "blocks", statement: "alter table chain.blocks add column size bigint", detail: "size" },
    ]);
    expect(of(steps, "query").find(({ table_name }) => table_name === "blocks")?.statement).toBe(
      'SELECT "_block_num", "block_hash", "note", "size" FROM "_/chain@2.0.0"."blocks" SETTINGS stream = true',
    );
    expect(of(steps, "orphan").map(({ table_name }) => table_name)).toEqual(["logs"]);
    expect(of(steps, "create").map(({ table_name }) => table_name)).toContain("calls");

    await answer([{ ...BLOCKS, columns: COLUMNS.slice(0, 1) }], "3.0.0");
    expect(of(await explain(), "refuse")).toMatchObject([
      {
        table_name: "blocks",
        detail: "Columns dropped from schema (unsupported): note",
        statement: "alter table chain.blocks drop column note; ",
      },
    ]);
    expect(await state()).toEqual(before);
  });

  test("knows that there is a table which was not wanted yet when the server was asked", async () => {
    await db.query("select ampsync.enqueue_sync('chain', '{blocks}')");
    await explain();
    await answer([BLOCKS, { table: "logs" }]);
    expect(of(await explain(), "ask")).toEqual([]);
    await db.query("select ampsync.enqueue_sync('chain', '{blocks,logs}')");
    const steps = await explain();
    expect(of(steps, "orphan")).toEqual([]);
    expect(of(steps, "ask")).toMatchObject([
      { table_name: "logs", statement: "select * from ampsync.explain_sync('chain');" },
    ]);
  });
});

describe("of what is built beside", () => {
  const beside = async () =>
    (await explain())
      .filter(({ step }) => step === "upgrade" || step === "swap")
      .map(({ table_name, step, statement, detail }) => ({ table_name, step, statement, detail }));

  test("shows a version that is offered, and the statement that takes it", async () => {
    await loadedDataset(db, ["blocks"]);
    await offer(db, "2.0.0");
    expect(await beside()).toEqual([
      {
        table_name: null,
        step: "upgrade",
        statement: "select ampsync.resync('chain');",
        detail: "version 2.0.0 is offered, and not followed yet",
      },
    ]);
    await answer([BLOCKS], "3.0.0");
    expect(await beside()).toMatchObject([{ detail: "version 2.0.0 is offered, and not followed yet" }]);
  });

  test("shows an upgrade, which tables it will merge, replace and leave, and how far it is", async () => {
    const [blocks, logs] = await loadedDataset(db, ["blocks", "logs", "traces"]);
    const other = [{ name: "block_hash", type: "bytea", not_null: true }];
    await startUpgrade(db, [newTable("blocks", other), newTable("logs")]);
    expect(await beside()).toMatchObject([
      { step: "upgrade", detail: expect.stringMatching(/^version 2.0.0 is built beside 1.0.0 since /) },
      { detail: "its new columns are not known yet; nothing is loaded, block 9 is to be reached" },
      {},
      {},
    ]);
    for (const stream of [blocks!, logs!]) {
      const shadow = (await shadowOf(db, stream))!;
      await shadow.acquire("worker-2");
      await shadow.prepareTarget(stream === blocks ? other : COLUMNS);
      await shadow.apply(0, 4, { expected: null });
    }
    expect((await beside()).slice(1)).toEqual([
      {
        table_name: "blocks",
        step: "swap",
        statement: null,
        detail: "replace: the new table takes its place; block 4 is loaded, block 9 is to be reached",
      },
      {
        table_name: "logs",
        step: "swap",
        statement: null,
        detail:
          "merge: the table has the same columns and gets the difference; block 4 is loaded, block 9 is to be reached",
      },
      {
        table_name: "traces",
        step: "swap",
        statement: null,
        detail: "The new version lacks the table: it keeps its rows and gets no more.",
      },
    ]);
  });

  test("shows the resync of a single table", async () => {
    await loadedDataset(db, ["blocks", "logs"]);
    await db.query("select ampsync.resync('chain', 'logs')");
    expect(await beside()).toMatchObject([{ table_name: "logs", step: "swap" }]);
  });
});
