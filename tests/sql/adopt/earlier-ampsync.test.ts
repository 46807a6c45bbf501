import { describe, expect, test } from "vitest";
import { enqueueHttp } from "../../support/postgres/http-source.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres/postgres.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import {
  CHECKPOINTS_2025,
  DATABASES,
  STATE_2026,
  TARGET_2025,
  TARGET_2026,
} from "../../support/postgres/rust-ampsync.ts";
import { registerDataset, SqlStream } from "../../support/postgres/sql-stream.ts";

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

describe.each(Object.entries(DATABASES))("a table of the Rust ampsync %s", (_, { ddl, shownBy }) => {
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

  test("is left as it is by an HTTP source too; the hint reads that into a table beside it", async () => {
    await db.query(ddl);
    const before = await contents(db);
    const error = await refusal(db, () => enqueueHttp(db, { dataset: "blocks" }));
    expect(error).toMatchObject({ code: "SY003", detail: expect.stringContaining(shownBy) });
    await db.query(error.hint!);
    const { rows } = await db.query("select dataset, target from ampsync.streams");
    expect(rows).toEqual([{ dataset: "blocks", target: "public.blocks_1" }]);
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
});

describe("is not mistaken for one:", () => {
  const db = rolledBackDatabase();

  test.each([
    ["a table of the form of 2025 without its checkpoints", TARGET_2025],
    ["a table of the form of 2026 without its state", TARGET_2026],
    [
      "any table beside those checkpoints",
      `create table public.blocks (n int); ${CHECKPOINTS_2025["of a single column"]}`,
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

  test("a table of ours, beside checkpoints of that program, even after drop_sync", async () => {
    await db.query(`create schema chain; ${CHECKPOINTS_2025["of each network"].replace("public", "chain")}`);
    await SqlStream.prepare(db);
    const found = async () => {
      const { rows } = await db.query("select ampsync_private.earlier_ampsync('chain', 'blocks') as found");
      return rows[0]!["found"];
    };
    expect(await found()).toBeNull();
    await db.query("select ampsync.drop_sync('chain')");
    expect(await found()).toBeNull();
  });
});
