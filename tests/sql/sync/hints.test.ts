import { describe, expect, test } from "vitest";

import { readSqlFiles } from "../../../src/install/sql-files.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { registerDataset, SqlStream } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

/** The statements of a hint, which may have words around them. */
function statementsOf(hint: string): readonly string[] {
  return hint.match(/\b(select|begin|commit|grant|alter|delete|drop|create)\b[^;]*;/g) ?? [];
}

/** Runs what a hint says, as it is printed. */
async function follow(hint: string | undefined): Promise<void> {
  const statements = statementsOf(hint ?? "");
  expect(statements, hint).not.toEqual([]);
  for (const statement of statements) await db.query(statement);
}

const two = () => registerDataset(db, "chain", ["blocks", "logs"]);

async function filled(): Promise<SqlStream> {
  const stream = await SqlStream.prepare(db);
  await stream.apply(0, 9);
  return stream;
}

describe("the hint of a refusal runs as it is printed:", () => {
  test.each<[string, () => Promise<unknown>]>([
    ["select ampsync.enqueue_sync('Chain')", async () => {}],
    ["select ampsync.enqueue_sync('chain', tables => '{}')", async () => {}],
    ["select ampsync.enqueue_sync('chain', tables => '{a-b}')", async () => {}],
    ["select ampsync.enqueue_sync('chain', tables => '{_ampsync_checkpoints}')", async () => {}],
    [`select ampsync.enqueue_sync('chain', tables => '{${"a".repeat(64)}}')`, async () => {}],
    [
      "select ampsync.enqueue_sync('chain', tables => (select array_agg('t' || n) from generate_series(1, 1001) n))",
      async () => {},
    ],
    ["select ampsync.enqueue_sync('chain', target_schema => 'PUBLIC ')", async () => {}],
    ["select ampsync.enqueue_sync('public')", async () => {}],
    ["select ampsync.enqueue_sync('chain', retention_blocks => 1)", async () => {}],
    ["select ampsync.enqueue_sync('chain', on_deep_reorg => 'no')", async () => {}],
    ["select ampsync.enqueue_sync('chain', value_policy => 'no')", async () => {}],
    ["select ampsync.enqueue_sync('chain', nul_policy => 'no')", async () => {}],
    ["select ampsync.enqueue_sync('chain', target_schema => 'other')", two],
    ["select ampsync.enqueue_sync('chain', '{blocks}')", two],
    [
      "select ampsync.enqueue_sync('chain', '{blocks}')",
      () => registerDataset(db, "chain", ["blocks", "logs", "transactions"]),
    ],
    ["select ampsync.enqueue_sync('other', '{blocks}', 'chain')", two],
    [
      "select ampsync.enqueue_sync('other', '{blocks}')",
      () => db.query("create schema other create table blocks (n integer)"),
    ],
    [
      "select ampsync.enqueue_sync('other', '{blocks}')",
      () => db.query("create schema other; create type other.blocks as enum ('a')"),
    ],
    ["select ampsync.pause_sync('nobody')", async () => {}],
    ["select ampsync.resume_sync('nobody')", two],
    ["select ampsync.resync('chain', 'nothing')", two],
    ["select ampsync.cancel_resync('nobody')", async () => {}],
    ["select ampsync.cancel_repair('chain', 'nothing')", two],
    ["select ampsync.cut('nobody')", async () => {}],
    ["select ampsync.verify('chain', 'nothing')", two],
    ["select ampsync.repair('chain', 'blocks', 5, 99)", filled],
    ["select ampsync.repair('chain', 'blocks', 5, 1)", filled],
  ])("%s", async (statement, prepare) => {
    await prepare();
    const { hint } = await refusal(db, statement);
    await follow(hint);
  });

  test("wait_for_block in a transaction that sees nothing new", async () => {
    await using other = await (async () => {
      const client = await db.client();
      return { client, [Symbol.asyncDispose]: async () => void (await client.query("rollback")) };
    })();
    await other.client.query("begin isolation level repeatable read");
    const error = await other.client.query("select ampsync.wait_for_block('nobody', 1)").then(
      () => null,
      (thrown: Error & { readonly hint?: string }) => thrown,
    );
    expect(statementsOf(error?.hint ?? "")).toEqual([
      "begin isolation level read committed;",
      "select ampsync.wait_for_block('nobody', 1);",
      "commit;",
    ]);
  });
});

describe("what a worker stores names the dataset, and its hint runs:", () => {
  test("of a stream that failed", async () => {
    const stream = await SqlStream.prepare(db);
    const error = {
      code: "SY103",
      message: "no such table",
      hint: "Once it is corrected: select ampsync.resume_sync('<dataset>'); select ampsync.resync('<dataset>', '<table>');",
    };
    await db.query("select ampsync_worker.end_pass($1, $2, 'failed', $3)", [stream.id, stream.epoch, error]);
    const { hint } = await stream.view();
    expect(hint).toContain("ampsync.resync('chain', 'blocks')");
    await follow(hint);
  });

  test.each(["waiting", "failed"])("of a dataset that is %s, with what the server said", async (state) => {
    await db.query("select ampsync.enqueue_sync('chain')");
    const error = {
      code: "SY104",
      message: "GET /datasets failed",
      detail: "HTTP 500: out of order",
      hint: null,
    };
    await db.query(
      "select ampsync_worker.defer_resolve(d.dataset_id, $1, $2) from ampsync_private.dataset d",
      [state, error],
    );
    const { rows } = await db.query("select error_code, waiting_on, hint from ampsync.status");
    expect(rows[0]).toMatchObject({
      error_code: "SY104",
      waiting_on: "GET /datasets failed: HTTP 500: out of order",
    });
    expect(rows[0]!["hint"]).not.toContain("free worker");
    await follow(rows[0]!["hint"]);
  });
});

test("no hint in SQL has a name that somebody would have to fill in", async () => {
  const { functions, views } = await readSqlFiles();
  const offenders = [...functions, ...views].filter(
    ({ name, text }) => !name.endsWith("add_hint.sql") && /hint\b.*'[^']*<\w+>/i.test(text),
  );
  expect(offenders.map(({ name }) => name)).toEqual([]);
});
