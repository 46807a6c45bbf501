import { describe, expect, test } from "vitest";

import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { shadowOf, swap } from "../../support/postgres/shadow.ts";
import { COLUMNS, registerDataset, SqlStream, waitingJobs } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

const SQL = 'SELECT * FROM "_/eth@1.0.0".logs';
const OTHER = 'SELECT * FROM "_/eth@1.0.0".logs WHERE x > 1';

async function call(statement: string, params: unknown[] = []) {
  return (await db.query(`select * from ${statement}`, params)).rows;
}

/** Keeps queries in sync as the dataset `mine`. */
async function enqueue(queries: unknown, options = "") {
  return await call(`ampsync.enqueue_sync('mine', queries => $1${options})`, [JSON.stringify(queries)]);
}

async function streams() {
  const { rows } = await db.query(
    "select table_name, query, version, state from ampsync_private.stream where shadow_of is null order by 1",
  );
  return rows;
}

async function dataset() {
  const { rows } = await db.query(
    "select tables, queries, state from ampsync_private.dataset where name = 'mine'",
  );
  return rows[0];
}

/** A stream of `mine` by hand. */
async function streamOf(table: string): Promise<SqlStream> {
  const { rows } = await db.query("select stream_id, target from ampsync.streams where table_name = $1", [
    table,
  ]);
  return new SqlStream(db, rows[0]!["stream_id"], rows[0]!["target"], false, "0");
}

/** One that has committed blocks 0 to 9. */
async function loaded(): Promise<SqlStream> {
  await enqueue({ t: SQL });
  const stream = await streamOf("t");
  await stream.acquire();
  await stream.prepareTarget();
  await stream.apply(0, 9);
  return stream;
}

/** Warnings of enqueue_sync with one query, then with the next one. */
async function warningsOf(...queries: string[]) {
  const warnings: { message?: string | undefined; detail?: string | undefined; hint?: string | undefined }[] =
    [];
  const client = await db.client();
  client.on("notice", ({ message, detail, hint }) => void warnings.push({ message, detail, hint }));
  await client.query("begin");
  for (const t of queries) {
    await client.query("select ampsync.enqueue_sync('mine', queries => $1)", [JSON.stringify({ t })]);
  }
  await client.end();
  return warnings;
}

describe("a dataset of queries alone", () => {
  test("has a stream for each at once, and asks nobody for tables or versions", async () => {
    expect(await enqueue({ t: SQL, u: OTHER })).toEqual([
      { dataset: "mine", table_name: "t", state: "waiting", hint: "select * from ampsync.streams;" },
      { dataset: "mine", table_name: "u", state: "waiting", hint: "select * from ampsync.streams;" },
    ]);
    expect(await streams()).toEqual([
      { table_name: "t", query: SQL, version: null, state: "waiting" },
      { table_name: "u", query: OTHER, version: null, state: "waiting" },
    ]);
    expect(await dataset()).toMatchObject({ tables: ["t", "u"], state: "active" });
    expect(await waitingJobs(db, "ampsync_stream:%")).toHaveLength(2);
    expect(await waitingJobs(db, "ampsync_resolve:%")).toEqual([]);
    expect(await waitingJobs(db, "ampsync_poll:%")).toEqual([]);
  });

  test("is the same after the same call, and grows by further queries", async () => {
    await enqueue({ t: SQL });
    const before = await streams();
    await enqueue({ t: SQL });
    await call("ampsync.enqueue_sync('mine')");
    expect(await streams()).toEqual(before);
    await enqueue({ u: OTHER });
    expect(await dataset()).toMatchObject({ tables: ["t", "u"], queries: { t: SQL, u: OTHER } });
    expect((await streams()).map(({ table_name }) => table_name)).toEqual(["t", "u"]);
  });

  test("is paused and resumed without asking anybody", async () => {
    await enqueue({ t: SQL });
    await call("ampsync.pause_sync('mine')");
    await enqueue({ u: OTHER });
    expect((await streams()).map(({ state }) => state)).toEqual(["paused", "paused"]);
    await call("ampsync.resume_sync('mine')");
    expect((await streams()).map(({ state }) => state)).toEqual(["retrying", "retrying"]);
    expect(await dataset()).toMatchObject({ state: "active" });
    expect(await waitingJobs(db, "ampsync_resolve:%")).toEqual([]);
  });

  test("is stored under the names that rename gives, in a schema of choice", async () => {
    await enqueue({ t: SQL }, `, rename => '{"t": "transfers"}', target_schema => 'mart'`);
    expect(await call("ampsync.streams")).toMatchObject([{ table_name: "t", target: "mart.transfers" }]);
  });

  test("hands the query to whoever takes the lease, with the table that tells its head", async () => {
    await enqueue({ t: SQL });
    expect(await (await streamOf("t")).acquire()).toMatchObject({
      table_name: "t",
      query: SQL,
      source_schema: "_/eth@1.0.0",
      source_table: "logs",
    });
  });

  test("is explained without asking the server", async () => {
    await enqueue({ t: SQL });
    expect(await call("ampsync.explain_sync('mine')")).toEqual([
      { table_name: "t", step: "query", statement: `${SQL} SETTINGS stream = true`, detail: null },
      { table_name: "t", step: "resume", statement: null, detail: "from the first block" },
    ]);
    expect(await waitingJobs(db, "ampsync_explain:%")).toEqual([]);
  });

  test("records from which block on rows come from which query", async () => {
    await loaded();
    const { rows } = await db.query(
      "select first_block::int, version, manifest_hash from ampsync.version_history",
    );
    expect(rows).toEqual([
      { first_block: 0, version: null, manifest_hash: expect.stringMatching(/^[0-9a-f]{64}$/) },
    ]);
  });

  test("takes no table of another sync", async () => {
    await registerDataset(db, "chain", ["t"]);
    expect(await refusal(db, () => enqueue({ t: SQL }, ", target_schema => 'chain'"))).toMatchObject({
      code: "SY003",
      message: "Target table chain.t is already fed by chain.t",
    });
  });
});

describe("a query beside tables of the dataset", () => {
  test("joins those that are named, and survives a new version", async () => {
    await enqueue({ t: SQL }, ", tables => '{blocks,t}'");
    expect(await waitingJobs(db, "ampsync_resolve:%")).toHaveLength(1);
    const { rows } = await db.query("select dataset_id as id from ampsync_private.dataset");
    const id = rows[0]!["id"];
    expect((await call("ampsync_worker.begin_resolve($1)", [id]))[0]).toMatchObject({ revision: null });
    await db.query("select ampsync_worker.register_streams($1, '1.0.0', null, '{blocks,logs,t}')", [id]);
    expect(await streams()).toMatchObject([
      { table_name: "blocks", query: null, version: "1.0.0" },
      { table_name: "t", query: SQL, version: null },
    ]);
    expect(await dataset()).toMatchObject({ state: "active" });

    await db.query("select ampsync_private.offer_version($1, '2.0.0', null)", [id]);
    expect((await call("ampsync_worker.begin_reload($1)", [id]))[0]).toMatchObject({ tables: {} });
    const plan = (table: string) => ({ table, has_block_num: null, columns: null });
    const adopt = "select ampsync_worker.adopt_version($1, '2.0.0', null, $2) as outcome";
    const adopted = await db.query(adopt, [id, JSON.stringify([plan("blocks"), plan("t")])]);
    expect(adopted.rows).toEqual([{ outcome: "adopted" }]);
    expect(await streams()).toMatchObject([
      { table_name: "blocks", version: "2.0.0", state: "waiting" },
      { table_name: "t", query: SQL, version: null, state: "waiting" },
    ]);
  });

  test("has no part in an upgrade", async () => {
    await enqueue({ t: SQL }, ", tables => '{blocks,t}', on_new_version => 'resync'");
    const { rows } = await db.query("select dataset_id as id from ampsync_private.dataset");
    const id = rows[0]!["id"];
    await db.query("select ampsync_worker.register_streams($1, '1.0.0', null, '{blocks,t}')", [id]);
    const prepared = ["blocks", "t"].map(async (table) => {
      const stream = await streamOf(table);
      await stream.acquire();
      await stream.prepareTarget();
    });
    for (const each of prepared) await each;
    await db.query("select ampsync_private.offer_version($1, '2.0.0', null)", [id]);
    const tables = ["blocks", "t"].map((table) => ({ table, has_block_num: false, columns: COLUMNS }));
    const adopted = await db.query("select ampsync_worker.adopt_version($1, '2.0.0', null, $2) as outcome", [
      id,
      JSON.stringify(tables),
    ]);
    expect(adopted.rows).toEqual([{ outcome: "beside" }]);
    const shadows = await db.query(
      "select table_name, query from ampsync_private.stream where shadow_of is not null",
    );
    expect(shadows.rows).toEqual([{ table_name: "blocks", query: null }]);
  });

  test("makes its dataset be looked up once a table of it is wanted", async () => {
    await enqueue({ t: SQL });
    await call("ampsync.alter_sync('mine', tables => '{t,blocks}')");
    expect(await waitingJobs(db, "ampsync_resolve:%")).toHaveLength(1);
    await call("ampsync.resume_sync('mine')");
    expect(await dataset()).toMatchObject({ tables: ["t", "blocks"] });
  });

  test("is refused where all tables are wanted, and the hint names them", async () => {
    await registerDataset(db, "mine", ["blocks", "logs"]);
    const error = await refusal(db, () => enqueue({ t: SQL }));
    expect(error).toMatchObject({
      code: "SY004",
      message: "tables => '{blocks,logs}' lacks tables that have queries",
    });
    await db.query(error.hint!);
    expect(await dataset()).toMatchObject({ tables: ["blocks", "logs", "t"] });
  });
});

describe("is refused:", () => {
  test.each([
    [
      "queries => (select jsonb_object_agg('t' || n, 'select 1') from generate_series(1, 1001) n)",
      "queries => 1001 tables are too many",
    ],
    ["queries => '[]'", "queries => '[]' does not give tables queries"],
    [`queries => '{"t": 5}'`, `queries => '{"t": 5}' does not give tables queries`],
    [`queries => '{"t": " ; "}'`, "queries: that of table t is not one query: it is blank"],
    [
      `queries => '{"t": "select 1 from a.b; select 2"}'`,
      "queries: that of table t is not one query: it is more than one statement: the second one begins with select",
    ],
    [
      `queries => '{"t": "drop table x"}'`,
      "queries: that of table t is not one query: it begins with drop, not with SELECT or WITH",
    ],
    [
      `queries => '{"t": "${"select 1"}"}', from_block => 5`,
      "from_block => 5: tables of mine have queries, to which nothing is added",
    ],
    [
      `queries => '{"t": "select 1"}', exclude_columns => '{"t": ["x"]}'`,
      "exclude_columns: table t has a query",
    ],
    [
      `queries => '{"t": "select 1"}', tables => '{blocks}'`,
      "tables => '{blocks}' lacks tables that have queries",
    ],
  ])("%s", async (options, message) => {
    const error = await refusal(db, `select ampsync.enqueue_sync('mine', ${options})`);
    expect(error).toMatchObject({ code: "SY004", message });
    await db.query(error.hint!);
  });

  test("a name that is none for a table", async () => {
    expect(await refusal(db, () => enqueue({ "a b": SQL }))).toMatchObject({ code: "SY004" });
  });

  test("a first block, in a resync too", async () => {
    await loaded();
    const error = await refusal(db, "select ampsync.resync('mine', 't', from_block => 5)");
    expect(error).toMatchObject({ code: "SY004", message: expect.stringContaining("from_block => 5") });
  });

  test("a repair, whose hint is a resync", async () => {
    await loaded();
    const error = await refusal(db, "select ampsync.repair('mine', 't', 0, 5)");
    expect(error).toMatchObject({ code: "SY004", hint: "select ampsync.resync('mine', 't');" });
    await db.query(error.hint!);
  });
});

describe("what is removed from a query", () => {
  test("is shown by a warning with the text that is left, and journaled once", async () => {
    const given = "SELECT a FROM eth.logs ORDER BY a LIMIT 5";
    expect(await warningsOf(given)).toEqual([
      {
        message: "the query of table t is stored without ORDER BY a, LIMIT 5",
        detail: "SELECT a FROM eth.logs",
        hint: "A table has no order, and its stream no end: sort and limit where you read it.",
      },
    ]);
    await enqueue({ t: given });
    const { rows } = await db.query("select details from ampsync.events where event = 'sql_sanitised'");
    expect(rows).toEqual([
      { details: { table: "t", query: "SELECT a FROM eth.logs", removed: ["ORDER BY a", "LIMIT 5"] } },
    ]);
  });

  test("a warning names all that the server may refuse", async () => {
    const sql = "SELECT DISTINCT a, count(*) FROM eth.logs l JOIN eth.blocks b ON l.x = b.x GROUP BY a";
    expect(await warningsOf(sql)).toMatchObject([
      {
        message:
          "the Amp server may refuse the query of table t as a stream: DISTINCT, count(), JOIN, GROUP BY",
      },
    ]);
  });
});

describe("null instead of a query", () => {
  /** Dataset `mine` of version 1.0.0 with a table `blocks`, and one `t` of its own that a query takes the place of. */
  async function beside(): Promise<{ id: string; stream: SqlStream }> {
    await enqueue({ t: SQL }, ", tables => '{blocks,t}'");
    const { rows } = await db.query("select dataset_id as id from ampsync_private.dataset");
    const id = rows[0]!["id"];
    await db.query("select ampsync_worker.register_streams($1, '1.0.0', null, '{blocks,logs,t}')", [id]);
    return { id, stream: await streamOf("t") };
  }

  /** Has the dataset follow a version with these tables, in place. */
  async function adoptTables(id: string, tables: string[], version = "2.0.0"): Promise<void> {
    await db.query("select ampsync_private.offer_version($1, $2, null)", [id, version]);
    const planned = tables.map((table) => ({
      table,
      has_block_num: false,
      columns: table === "t" ? COLUMNS : null,
    }));
    const adopt = "select ampsync_worker.adopt_version($1, $2, null, $3) as outcome";
    const { rows } = await db.query(adopt, [id, version, JSON.stringify(planned)]);
    expect(rows).toEqual([{ outcome: "adopted" }]);
  }

  test("makes a table that holds nothing the one of the dataset at once, and ends the pass under way", async () => {
    const { stream } = await beside();
    await stream.acquire();
    await stream.prepareTarget();
    await enqueue({ t: null });
    expect(await streams()).toMatchObject([
      { table_name: "blocks", version: "1.0.0" },
      { table_name: "t", query: null, version: "1.0.0" },
    ]);
    expect(await dataset()).toMatchObject({ tables: ["blocks", "t"], queries: {} });
    await expect(stream.apply(0, 9)).rejects.toMatchObject({ code: "SY001" });
  });

  test("waits for a resync where rows are, which its hint says, and follows the version of then", async () => {
    const { id, stream } = await beside();
    await stream.acquire();
    await stream.prepareTarget();
    await stream.apply(0, 9);
    const answer = await call("ampsync.alter_sync('mine', queries => $1)", ['{"t": null}']);
    expect(await streams()).toMatchObject([{}, { query: SQL }]);
    expect(answer[1]).toMatchObject({
      hint: "select ampsync.resync('mine', 't'); -- it keeps its earlier query until then",
    });
    await stream.apply(10, 19);
    await db.query(answer[1]!["hint"]);
    const shadow = (await shadowOf(db, stream))!;
    expect(await shadow.acquire("worker-2")).toMatchObject({ query: null, source_schema: "_/mine@1.0.0" });
    await shadow.prepareTarget();

    await adoptTables(id, ["blocks", "t"]);
    await shadow.apply(0, 19, { expected: null });
    expect(await swap(db, shadow)).toBe(true);
    expect(await streams()).toMatchObject([{}, { table_name: "t", query: null, version: "2.0.0" }]);
    expect((await call("ampsync.enqueue_sync('mine')"))[1]).toMatchObject({
      hint: "select * from ampsync.streams;",
    });
  });

  test("is possible with each version that has such a table, while the query stood in its place", async () => {
    const { id } = await beside();
    await adoptTables(id, ["blocks", "t"]);
    await enqueue({ t: null });
    expect(await streams()).toMatchObject([{}, { table_name: "t", query: null, version: "2.0.0" }]);
  });

  test("a version without the table comes before the resync: it is refused, and the table keeps its query", async () => {
    const { id, stream } = await beside();
    await stream.acquire();
    await stream.prepareTarget();
    await stream.apply(0, 9);
    await enqueue({ t: null });
    await adoptTables(id, ["blocks"]);
    const refused = await refusal(db, () => call("ampsync.resync('mine', 't')"));
    expect(refused).toMatchObject({ code: "SY004", detail: "Version 2.0.0 has: blocks." });
    await stream.apply(10, 19);

    await call("ampsync.resync('mine')"); // As a deep reorg does.
    expect(await (await shadowOf(db, stream))!.acquire("worker-2")).toMatchObject({ query: SQL });
    await db.query(refused.hint!);
    expect(await dataset()).toMatchObject({ queries: { t: SQL } });
  });

  test("a version without the table comes during the resync: it gets its rows, and no more", async () => {
    const { id, stream } = await beside();
    await stream.acquire();
    await stream.prepareTarget();
    await stream.apply(0, 9);
    await enqueue({ t: null });
    await call("ampsync.resync('mine', 't')");
    const shadow = (await shadowOf(db, stream))!;
    await shadow.acquire("worker-2");
    await shadow.prepareTarget();
    await adoptTables(id, ["blocks"]);
    await shadow.apply(0, 19, { expected: null });
    expect(await swap(db, shadow)).toBe(true);
    expect(await streams()).toMatchObject([
      {},
      { table_name: "t", query: null, version: "1.0.0", state: "orphaned" },
    ]);
    expect((await db.query("select count(*)::int as rows from mine.t")).rows).toEqual([{ rows: 20 }]);
    await adoptTables(id, ["blocks", "t"], "3.0.0");
    expect(await streams()).toMatchObject([{}, { version: "3.0.0", state: "retrying" }]);
  });

  test("begins the resync at once with on_new_version resync", async () => {
    const { stream } = await beside();
    await stream.acquire();
    await stream.prepareTarget();
    await stream.apply(0, 9);
    await call("ampsync.alter_sync('mine', on_new_version => 'resync')");
    await enqueue({ t: null });
    expect(await shadowOf(db, stream)).not.toBeNull();
  });

  test("is refused where the dataset has no such table, or is a name for queries alone", async () => {
    await enqueue({ t: SQL });
    const unknown = await refusal(db, () => enqueue({ t: null }));
    expect(unknown).toMatchObject({
      code: "SY004",
      message: "queries: that of table t cannot be taken back: the dataset has no such table",
      detail: "All tables of mine have queries, so nothing is known of a dataset of this name.",
    });
    await db.query(unknown.hint!);
    await call("ampsync.alter_sync('mine', tables => '{blocks,t}')");
    await db.query(
      "select ampsync_worker.register_streams(d.dataset_id, '1.0.0', null, '{blocks}') from ampsync_private.dataset d",
    );
    expect(await refusal(db, () => enqueue({ t: null }))).toMatchObject({
      detail: "Version 1.0.0 has: blocks.",
    });
  });

  test("is nothing to a table without a query", async () => {
    await registerDataset(db, "mine", ["blocks", "t"]);
    await enqueue({ t: null });
    expect(await dataset()).toMatchObject({ tables: null, queries: {} });
    expect(await streams()).toMatchObject([{ version: "1.0.0" }, { version: "1.0.0" }]);
  });
});

describe("another query for a table", () => {
  test("is taken at once while nothing is loaded, and ends the pass under way", async () => {
    await enqueue({ t: SQL });
    const stream = await streamOf("t");
    await stream.acquire();
    await stream.prepareTarget();
    await enqueue({ t: OTHER });
    expect(await streams()).toMatchObject([{ query: OTHER }]);
    await expect(stream.apply(0, 9)).rejects.toMatchObject({ code: "SY001" });
  });

  test("waits for a resync where rows are, which its hint says; the resync takes it", async () => {
    const stream = await loaded();
    await enqueue({ t: OTHER });
    expect(await streams()).toMatchObject([{ query: SQL }]);
    await stream.apply(10, 19);

    expect(await call("ampsync.doctor() where subject = 'mine.t'")).toMatchObject([
      {
        finding: "its rows come from an earlier query than the one that is stored",
        fix: "select ampsync.resync('mine', 't');",
      },
    ]);
    const [{ hint }] = (await enqueue({ t: OTHER })) as [{ hint: string }];
    expect(hint).toBe("select ampsync.resync('mine', 't'); -- it keeps its earlier query until then");
    await db.query(hint);
    const shadow = (await shadowOf(db, stream))!;
    expect(await shadow.acquire("worker-2")).toMatchObject({ query: OTHER });
    await shadow.prepareTarget();
    await shadow.apply(0, 19, { expected: null });
    await swap(db, shadow);
    expect(await streams()).toMatchObject([{ query: OTHER }]);
    const history = await db.query(
      "select count(distinct manifest_hash)::int as n from ampsync.version_history",
    );
    expect(history.rows).toEqual([{ n: 1 }]);
  });

  test("begins the resync at once with on_new_version `resync`", async () => {
    const stream = await loaded();
    await call("ampsync.alter_sync('mine', on_new_version => 'resync')");
    await enqueue({ t: OTHER });
    expect(await (await shadowOf(db, stream))!.acquire("worker-2")).toMatchObject({ query: OTHER });
    await enqueue({ t: OTHER });
    expect(await streams()).toMatchObject([{ query: SQL, state: "resyncing" }]);
  });

  test("may have other columns: the resync replaces the table", async () => {
    const stream = await loaded();
    await enqueue({ t: OTHER });
    await call("ampsync.resync('mine', 't')");
    const shadow = (await shadowOf(db, stream))!;
    await shadow.acquire("worker-2");
    await shadow.prepareTarget([...COLUMNS, { name: "extra", type: "text", not_null: false }]);
    await shadow.apply(0, 19, { expected: null });
    await swap(db, shadow);
    expect(await streams()).toMatchObject([{ query: OTHER, state: "backfill" }]);
    expect(
      (await db.query("select count(*)::int as rows, count(extra)::int as extra from mine.t")).rows,
    ).toEqual([{ rows: 20, extra: 0 }]);
  });
});

test("a process that starts with queries keeps them in sync, and knows what it cannot change", async () => {
  const start = "ampsync_worker.start_sync('mine', null, null, $1)";
  expect(await call(start, [{ t: SQL }])).toEqual([
    { is_new: true, target_schema: "public", hint: null, left_out: [] },
  ]);
  const stream = await streamOf("t");
  await stream.acquire();
  await stream.prepareTarget();
  await stream.apply(0, 9);
  expect(await call(start, [{ t: OTHER }])).toMatchObject([
    { is_new: false, hint: "select ampsync.resync('mine', 't');", left_out: [] },
  ]);
  expect(await call(start, [{ u: SQL }])).toMatchObject([{ hint: null, left_out: ["t"] }]);
});
