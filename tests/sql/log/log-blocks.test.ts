import { beforeEach, describe, expect, test } from "vitest";

import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { COLUMNS, SqlStream, watermark } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

interface Range {
  readonly operation: string;
  readonly data: object;
}

const range = (operation: string, from: number, to: number | null, rows: number) => ({
  operation,
  data: { from_block: from, to_block: to, rows },
});

/** What the log has after a position, without the entry itself. */
async function logged(after = "0"): Promise<Range[]> {
  const { rows } = await db.query(
    "select operation, data from ampsync.read_changes($1) where kind = 'blocks' order by position, table_name",
    [after],
  );
  return rows as unknown as Range[];
}

async function head(): Promise<string> {
  return (await db.query("select ampsync.head() as head")).rows[0]!["head"];
}

async function publication(table = "chain.blocks") {
  const { rows } = await db.query("select * from ampsync.publications where table_name = $1", [table]);
  return rows[0]!;
}

async function published(options = {}): Promise<SqlStream> {
  const stream = await SqlStream.prepare(db, options);
  await db.query("select ampsync.publish_dataset('chain')");
  await db.query("select ampsync_worker.activate_targets()");
  return stream;
}

describe("a dataset", () => {
  test("that is not published leaves nothing in the log", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(0, 9);
    expect(await head()).toBe("0");
    expect(await logged()).toEqual([]);
  });

  test("is published at once, and live with a floor when the supervisor has come by", async () => {
    const stream = await SqlStream.prepare(db);
    const { rows } = await db.query("select * from ampsync.publish_dataset('chain')");
    expect(rows).toEqual([
      { table_name: "chain.blocks", state: "starting", hint: "select * from ampsync.publications;" },
    ]);
    await stream.apply(0, 9);
    expect(await head()).toBe("0");
    await db.query("select ampsync_worker.activate_targets()");
    expect(await publication()).toMatchObject({
      dataset: "chain",
      mode: "blocks",
      identity: null,
      state: "live",
      floor: await head(),
      rebuildable_from: await head(),
      reason: null,
      hint: null,
    });
    await stream.apply(10, 19);
    expect(await logged()).toEqual([range("append", 10, 19, 10)]);
  });

  test("is published once, however often it is called", async () => {
    await published();
    const before = await head();
    await db.query("select ampsync.publish_dataset('chain')");
    await db.query("select ampsync_worker.activate_targets()");
    expect(await head()).toBe(before);
    expect((await db.query("select from ampsync.publications")).rowCount).toBe(1);
  });

  test("waits to be made first, and says so", async () => {
    const stream = await SqlStream.register(db);
    await db.query("select ampsync.publish_dataset('chain')");
    await db.query("select ampsync_worker.activate_targets()");
    expect(await publication()).toMatchObject({ state: "starting", reason: "the table is not made yet" });
    await stream.acquire();
    await stream.prepareTarget();
    await db.query("select ampsync_worker.activate_targets()");
    expect(await publication()).toMatchObject({ state: "live", reason: null });
  });

  test("has its later tables published as well", async () => {
    await published();
    const { rows } = await db.query("select dataset_id from ampsync_private.dataset");
    await db.query("select ampsync_worker.register_streams($1, '1.0.0', null, '{blocks,logs}')", [
      rows[0]!["dataset_id"],
    ]);
    expect(await publication("chain.logs")).toMatchObject({ state: "starting" });
  });

  test("whose publication has ended leaves nothing more, keeps its history, and can be published anew", async () => {
    const stream = await published();
    await stream.apply(0, 9);
    const before = await head();
    await db.query("select ampsync.unpublish_dataset('chain')");
    await stream.apply(10, 19);
    expect(await head()).toBe(before);
    expect(await logged()).toEqual([range("append", 0, 9, 10)]);
    await db.query("select ampsync_worker.activate_targets()");
    await db.query("select ampsync_worker.activate_targets()");
    const { rows: told } = await db.query("select table_name, details from ampsync.read_changes($1)", [
      before,
    ]);
    expect(told).toMatchObject([{ table_name: "chain.blocks", details: { state: "ended" } }]);
    expect(await publication()).toMatchObject({
      state: "ended",
      hint: "select ampsync.publish('chain.blocks');",
    });
    await db.query("select ampsync.publish_dataset('chain')");
    await db.query("select ampsync_worker.activate_targets()");
    expect(Number((await publication())["floor"])).toBeGreaterThan(Number(before));
    const { rows } = await db.query(
      "select event from ampsync.events where event ~ '^table_(p|l|e)' order by event_id",
    );
    expect(rows.map((row) => row["event"])).toEqual(
      "table_published table_live table_ended table_published table_live".split(" "),
    );
  });

  test("that is dropped ends the publication of its tables", async () => {
    const stream = await published();
    await stream.apply(0, 9);
    await db.query("select ampsync.drop_sync('chain', drop_tables => true)");
    expect(await publication()).toMatchObject({ state: "ended", dataset: null, hint: null });
    const { rows } = await db.query("select table_name, operation from ampsync.change_history");
    expect(rows).toEqual([{ table_name: "chain.blocks", operation: "append" }]);
  });
});

describe.each([true, false])("a commit (the server offers _block_num: %s)", (hasBlockNum) => {
  let stream: SqlStream;
  beforeEach(async () => {
    stream = await published({ hasBlockNum });
    await stream.apply(0, 9);
    await stream.apply(10, 19);
  });

  test("that appends says which blocks", async () => {
    expect(await logged()).toEqual([range("append", 0, 9, 10), range("append", 10, 19, 10)]);
  });

  test("that replaces blocks says from which one on", async () => {
    const before = await head();
    await stream.replace(10, 21, { fork: "b" });
    expect(await logged(before)).toEqual([range("reorg", 10, null, 12)]);
  });

  test("of several microbatches is one entry", async () => {
    const before = await head();
    await stream.beginApply();
    await stream.insert(20, 29);
    await stream.commitApply([watermark(20, 24), watermark(25, 29)], 10);
    expect(await logged(before)).toEqual([range("append", 20, 29, 10)]);
  });

  test("that replaces all says so", async () => {
    const before = await head();
    await stream.beginApply({ from: null, parentHash: null });
    await stream.insert(5, 9, "b");
    await stream.commitApply([watermark(5, 9, { fork: "b" })], 5);
    expect(await logged(before)).toEqual([range("reorg", 0, null, 5)]);
  });
});

describe("the history", () => {
  test("shows ranges as rows, with the columns of a change", async () => {
    const stream = await published();
    await stream.apply(0, 9);
    const { rows } = await db.query("select * from ampsync.change_history");
    const position = await head();
    expect(rows).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        lsn: expect.stringMatching(/^[0-9A-F]+\/[0-9A-F]+$/),
        table_name: "chain.blocks",
        operation: "append",
        data: { from_block: 0, to_block: 9, rows: 10 },
        old_data: null,
        transaction_id: expect.stringMatching(/^\d+$/),
        schema_version: "0.0.0",
        timestamp: expect.any(Date),
        metadata: {
          position: Number(position),
          kind: "blocks",
          xid8: rows[0]!["transaction_id"],
          table_oid: expect.any(String),
        },
        client_id: null,
      },
    ]);
  });
});

describe("columns of a published table", () => {
  const MORE = [...COLUMNS, { name: "extra", type: "bigint", not_null: false }];

  async function schemas(after: string) {
    const { rows } = await db.query(
      "select kind, table_name, details - 'tables' as details from ampsync.read_changes($1) order by position",
      [after],
    );
    return rows;
  }

  test("that are added stand in the log before the first row with them", async () => {
    const stream = await published();
    await stream.apply(0, 9);
    const before = await head();
    await stream.prepareTarget(MORE);
    await stream.prepareTarget(MORE);
    await stream.apply(10, 19);
    expect(await schemas(before)).toEqual([
      {
        kind: "schema",
        table_name: "chain.blocks",
        details: {
          reason: "its columns changed",
          version: "0.0.0+1",
          migration: "found_0.0.0+1",
          direction: "up",
        },
      },
      { kind: "blocks", table_name: "chain.blocks", details: null },
    ]);
    const { rows: versions } = await db.query(
      "select distinct on (position) schema_version from ampsync.read_changes($1) order by position",
      [before],
    );
    expect(versions.map((row) => row["schema_version"])).toEqual(["0.0.0+1", "0.0.0+1"]);
    const { rows: migrations } = await db.query(
      "select migrationname, upqueries from ampsync.client_migration",
    );
    expect(migrations).toEqual([
      {
        migrationname: "found_0.0.0+1",
        upqueries: [expect.stringMatching(/^alter table .*chain.blocks add column .*extra bigint/)],
      },
    ]);
    const { rows } = await db.query(
      'select columns @> \'[{"name": "extra"}]\' as has from ampsync_private.published',
    );
    expect(rows).toEqual([{ has: true }]);
  });

  test("that may be null from now on do as well", async () => {
    const stream = await published();
    const before = await head();
    await stream.prepareTarget(COLUMNS.map((column) => ({ ...column, not_null: false })));
    expect(await schemas(before)).toMatchObject([{ kind: "schema" }]);
  });

  test("that change rows give the table a new floor: clients load it anew", async () => {
    const stream = await published();
    await stream.apply(0, 9);
    const before = await head();
    await db.query("alter table chain.blocks add column mine integer default 5");
    await stream.prepareTarget();
    expect(await schemas(before)).toMatchObject([
      { kind: "schema", details: { version: "0.0.0+1", migration: null } },
      { kind: "floor", details: { reason: "its columns changed" } },
    ]);
    expect(await publication()).toMatchObject({ floor: await head(), rebuildable_from: await head() });
  });

  test("of a table that was renamed are found under its new name, with the old one in the entry", async () => {
    const stream = await published();
    await stream.apply(0, 9);
    const before = await head();
    await db.query("alter table chain.blocks rename to pieces");
    await stream.endPass("yielded");
    await stream.acquire();
    await stream.prepareTarget();
    expect(await schemas(before)).toMatchObject([
      { kind: "schema", table_name: "chain.pieces", details: { reason: "it was renamed" } },
    ]);
    const { rows } = await db.query(
      "select table_name, metadata ->> 'table' as was from ampsync.change_history",
    );
    expect(rows).toEqual([{ table_name: "chain.pieces", was: "chain.blocks" }]);
  });
});
