import { beforeEach, describe, expect, test } from "vitest";

import { epochOf, logRows, publishedRows, shapeOf } from "../../support/postgres/log-entries.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { loadedStream } from "../../support/postgres/shadow.ts";
import type { SqlStream } from "../../support/postgres/sql-stream.ts";

// What a gateway reads in each step: how far it goes, and all of the log but rows and blocks.

const db = rolledBackDatabase();

let epoch: string;
beforeEach(async () => {
  epoch = await epochOf(db);
});

async function read(after: string | null, blocksAfter: string | null, clients: string[] | null = null) {
  const { rows } = await db.query("select ampsync_worker.read_log($1, $2, $3, $4) as log", [
    after,
    epoch,
    blocksAfter,
    clients,
  ]);
  return rows[0]!["log"];
}

const head = async (): Promise<string> => (await db.query("select ampsync.head() as head")).rows[0]!["head"];

/** A published table of a dataset, with blocks 0 to 9, and a shape of it. */
async function publishedBlocks(low: number | null = null): Promise<[SqlStream, number]> {
  const stream = await loadedStream(db);
  await db.query("select ampsync.publish_dataset('chain')");
  await db.query("select ampsync_worker.activate_targets()");
  const { rows } = await db.query("select published_id from ampsync_private.published where stream_id = $1", [
    stream.id,
  ]);
  return [stream, await shapeOf(db, "blocks", rows[0]!["published_id"], { low })];
}

describe("a step through captured transactions", () => {
  test("ends with the head where there is little, and says when entries were recorded", async () => {
    const todos = await publishedRows(db, "todos");
    const first = await logRows(db, todos, { changes: 2, bytes: 10 });
    const last = await logRows(db, todos, { changes: 3, bytes: 20 });
    const log = await read(first, null);
    expect(log).toMatchObject({ head: last, to: last, too_large: false, entries: [], blocks: [] });
    const { rows } = await db.query(
      "select floor(extract(epoch from recorded_at) * 1000000)::text as stamp from ampsync_private.change_tx order by position",
    );
    expect([log.stamp, log.to_stamp, log.head_stamp]).toEqual([
      rows[0]!["stamp"],
      rows[1]!["stamp"],
      rows[1]!["stamp"],
    ]);
    expect(Math.abs(Date.parse(log.at) - Number(log.to_stamp) / 1000)).toBeLessThanOrEqual(1);
  });

  test("ends before what would be more than 4 MiB or 20,000 changes, but for one transaction", async () => {
    const todos = await publishedRows(db, "todos");
    const large = await logRows(db, todos, { bytes: 9_000_000 });
    const a = await logRows(db, todos, { bytes: 3_000_000 });
    const b = await logRows(db, todos, { bytes: 1_000_000 });
    const c = await logRows(db, todos, { bytes: 1_000_000 });
    const many = await logRows(db, todos, { changes: 30_000, bytes: 100 });
    const last = await logRows(db, todos);
    expect(await read("0", null)).toMatchObject({ to: large, too_large: false });
    expect(await read(large, null)).toMatchObject({ to: b });
    expect(await read(a, null)).toMatchObject({ to: c });
    expect(await read(c, null)).toMatchObject({ to: many, too_large: false });
    expect(await read(many, null)).toMatchObject({ to: last });
    expect(await read(last, null)).toMatchObject({ to: last, too_large: false });
  });

  test.each([
    ["50,000 changes", { changes: 50_000 }, false],
    ["50,001 changes", { changes: 50_001 }, true],
    ["16 MiB", { bytes: 16 * 1024 * 1024 }, false],
    ["16 MiB and a byte", { bytes: 16 * 1024 * 1024 + 1 }, true],
  ])("of %s: whether they are too large for a frame", async (_, size, isTooLarge) => {
    const todos = await publishedRows(db, "todos");
    const before = await logRows(db, todos);
    await logRows(db, todos, size);
    expect(await read(before, null)).toMatchObject({ too_large: isTooLarge });
  });

  test("goes up to where it shall at least", async () => {
    const todos = await publishedRows(db, "todos");
    const large = await logRows(db, todos, { bytes: 9_000_000 });
    const next = await logRows(db, todos, { bytes: 1_000_000 });
    await logRows(db, todos);
    const log = async (least: string) =>
      (await db.query("select ampsync_worker.read_log('0', $1, null, null, $2) as log", [epoch, least]))
        .rows[0]!["log"];
    expect(await log(large)).toMatchObject({ to: large, too_large: false });
    expect(await log(next)).toMatchObject({ to: next, too_large: false });
    await logRows(db, todos, { bytes: 9_000_000 });
    expect(await log(await head())).toMatchObject({ to: await head(), too_large: true });
  });

  test("that is too large is so for the tables that it changes, if their changes are too many together", async () => {
    const [a, b, c] = [
      await publishedRows(db, "a"),
      await publishedRows(db, "b"),
      await publishedRows(db, "c"),
    ];
    const [ofA, ofB, ofC] = [await shapeOf(db, "a", a), await shapeOf(db, "b", b), await shapeOf(db, "c", c)];
    const large = async (shapes: readonly number[], upto: string) => {
      const { rows } = await db.query("select ampsync_worker.large_shapes($1, 0, $2) as large", [
        shapes,
        upto,
      ]);
      return rows[0]!["large"];
    };
    await logRows(db, b);
    const small = await logRows(db, a, { changes: 8, body: 1_000_000 });
    expect(await large([ofA, ofB, ofC], small)).toEqual([]);
    const upto = await logRows(db, a, { changes: 9, body: 1_000_000 });
    expect(await large([ofA, ofB, ofC], upto)).toEqual([ofA, ofB]);
    expect(await large([ofB, ofC], upto)).toEqual([]);
    expect(await large([ofA], upto)).toEqual([ofA]);
  });

  test("names the transactions of its clients", async () => {
    const todos = await publishedRows(db, "todos");
    const [mine, theirs, tx] = [crypto.randomUUID(), crypto.randomUUID(), crypto.randomUUID()];
    await logRows(db, todos);
    const position = await logRows(db, todos, { client: mine, tx });
    const other = await logRows(db, todos, { client: theirs, tx });
    expect((await read("0", null, [mine])).own).toEqual([{ position, client: mine, tx }]);
    expect((await read("0", null)).own.map((own: { position: string }) => own.position)).toEqual([
      position,
      other,
    ]);
    expect((await read(other, null)).own).toEqual([]);
  });

  test("has what became of tables on the way, and only on the way", async () => {
    const todos = await publishedRows(db, "todos");
    const shape = await shapeOf(db, "todos", todos);
    const large = await logRows(db, todos, { bytes: 9_000_000 });
    const { rows } = await db.query("select ampsync_private.raise_floor($1, 'a test') as position", [todos]);
    expect((await read("0", await head())).entries).toEqual([]);
    expect((await read(large, await head())).entries).toEqual([
      expect.objectContaining({
        position: rows[0]!["position"],
        kind: "floor",
        mode: "rows",
        tables: ["public.todos"],
        published_ids: [todos],
        shapes: [shape],
        details: expect.objectContaining({ reason: "a test" }),
      }),
    ]);
  });
});

describe("blocks that may differ", () => {
  test("are those of all commits since, merged, and to the end behind a reorg", async () => {
    const [stream, shape] = await publishedBlocks();
    const before = await head();
    await stream.apply(10, 11);
    await stream.apply(12, 14);
    const appended = await read(null, before);
    expect(appended).toMatchObject({ to: await head(), entries: [] });
    expect(appended.blocks).toEqual([
      {
        published_id: expect.any(Number),
        table: "chain.blocks",
        dataset: "chain",
        shapes: [shape],
        large: [],
        ranges: [["10", "14"]],
      },
    ]);
    const at = await head();
    await stream.replace(12, 13, { fork: "b" });
    expect((await read(null, at)).blocks[0].ranges).toEqual([["12", null]]);
    expect((await read(null, before)).blocks[0].ranges).toEqual([["10", null]]);
    expect((await read(null, await head())).blocks).toEqual([]);
  });

  test("that hold too many rows are told with the shapes that have them", async () => {
    const [stream, shape] = await publishedBlocks(5);
    const before = await head();
    await db.query("select ampsync_private.log_blocks($1, 'repair', 5, 9, 50001)", [stream.id]);
    expect((await read(null, before)).blocks[0]).toMatchObject({ large: [shape] });
    await db.query("update ampsync_private.shape set low = 10");
    expect((await read(null, before)).blocks[0]).toMatchObject({ large: [] });
  });

  test("stay apart where they do not touch", async () => {
    const [stream] = await publishedBlocks();
    const before = await head();
    for (const [first, last] of [
      [7, 8],
      [2, 3],
      [4, 4],
      [2, 2],
    ]) {
      await db.query("select ampsync_private.log_blocks($1, 'repair', $2, $3, 1)", [stream.id, first, last]);
    }
    expect((await read(null, before)).blocks[0].ranges).toEqual([
      ["2", "4"],
      ["7", "8"],
    ]);
  });

  test("come with where the tables of the dataset stand, and what belongs to a window no more", async () => {
    const [stream, shape] = await publishedBlocks(4);
    const before = await head();
    await stream.apply(10, 12);
    const log = await read(null, before);
    expect(log.datasets).toEqual([{ dataset: "chain", cut: "12", tables: { "chain.blocks": "12" } }]);
    expect(log.low).toEqual({ [shape]: "4" });
  });

  test("of tables without a shape are nobody's", async () => {
    const stream = await loadedStream(db);
    await db.query("select ampsync.publish_dataset('chain')");
    await db.query("select ampsync_worker.activate_targets()");
    const before = await head();
    await stream.apply(10, 12);
    expect((await read(null, before)).blocks).toEqual([]);
  });

  test("come with new columns of their table, which are not told with captured transactions", async () => {
    const [stream, shape] = await publishedBlocks();
    const before = await head();
    await db.query(`alter table ${stream.target} add column more text`);
    await db.query("select ampsync_private.log_schema($1)", [stream.id]);
    expect((await read(before, null)).entries).toEqual([]);
    expect((await read(null, before)).entries).toEqual([
      expect.objectContaining({ kind: "schema", mode: "blocks", shapes: [shape] }),
    ]);
  });
});

describe("definitions are told apart", () => {
  test("by each change, also of a transaction that commits behind a later one", async () => {
    await db.query(
      "insert into ampsync_private.definition_change (id, what, at) overriding system value values (7, 'a', now()), (9, 'b', now())",
    );
    const seen = [(await read("0", "0")).definitions];
    for (const statement of [
      "insert into ampsync_private.definition_change (id, what, at) overriding system value values (8, 'c', now())",
      "delete from ampsync_private.definition_change where id = 7",
      "insert into ampsync_private.definition_change (id, what, at) overriding system value values (6, 'd', now())",
    ]) {
      await db.query(statement);
      seen.push((await read("0", "0")).definitions);
    }
    expect(new Set(seen).size).toBe(4);
    expect((await read("0", "0")).definitions).toBe(seen[3]);
  });

  test("in each epoch: a server that was set back gives the numbers of changes out again", async () => {
    const { definitions } = await read("0", "0");
    const { rows } = await db.query(
      `insert into ampsync_private.log_epoch (epoch, started_at, system_identifier, timeline, database_oid,
                                              server_started_at, forked_at, reason)
       select gen_random_uuid(), started_at, system_identifier, timeline, database_oid, server_started_at, forked_at, reason
         from ampsync_private.log_epoch order by number desc limit 1
       returning epoch`,
    );
    epoch = rows[0]!["epoch"];
    expect((await read("0", "0")).definitions).not.toBe(definitions);
  });
});

describe("a log that is not the one that was read is refused", () => {
  test.each([
    [
      "its epoch is not the newest",
      "insert into ampsync_private.log_epoch (epoch, started_at, system_identifier, timeline, database_oid, server_started_at, forked_at, reason) select gen_random_uuid(), now(), system_identifier, timeline, database_oid, server_started_at, 0, 'a test' from ampsync_private.log_epoch",
    ],
    [
      "the server was started since",
      "update ampsync_private.log_epoch set server_started_at = server_started_at - interval '1 s'",
    ],
    ["it is another cluster", "update ampsync_private.log_epoch set system_identifier = 1"],
  ])("%s", async (_, statement) => {
    await read("0", "0");
    await db.query(statement);
    expect(await refusal(db, async () => void (await read("0", "0")))).toMatchObject({ code: "SY406" });
  });

  test("a position is above the head", async () => {
    const todos = await publishedRows(db, "todos");
    const last = BigInt(await logRows(db, todos));
    for (const [after, blocks] of [
      [`${last + 1n}`, "0"],
      ["0", `${last + 1n}`],
    ] as const) {
      const refused = await refusal(db, async () => void (await read(after, blocks)));
      expect(refused).toMatchObject({ code: "SY406", message: expect.stringContaining("above the head") });
      expect(refused.hint).toMatch(/^select/);
      await db.query(refused.hint!);
    }
  });
});
