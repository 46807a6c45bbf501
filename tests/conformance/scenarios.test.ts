// Takes 13 s.
import { Field, Schema, Uint64, Utf8 } from "apache-arrow";
import { describe, expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { TableSource } from "../support/chain/table-source.ts";
import { sharedScenario } from "../support/worker/shared-scenario.ts";
import type { Sync } from "../support/worker/sync.ts";

const TABLES = ["blocks", "logs"];

const scenario = sharedScenario();

function chainOf(blocks: number): GeneratedSource {
  return new GeneratedSource({ blocks, logsPerBlock: 2 });
}

async function loaded(source: GeneratedSource): Promise<Sync> {
  const sync = await scenario.follow(source, TABLES);
  await sync.catchesUp();
  return sync;
}

/** Ranges of the table of blocks that the server says are complete from here on. */
function watchRanges(): string[] {
  const ranges: string[] = [];
  scenario.misbehaviour.tables = ["blocks"];
  scenario.misbehaviour.falseMetadata = (truth) => {
    const { start, end } = truth.ranges[0]!.numbers;
    if (truth.ranges_complete) ranges.push(`${start}-${end}`);
    return truth;
  };
  return ranges;
}

test("reorg_stream_control_messages: a block, a block, then a reorg of one with one more", async () => {
  const source = chainOf(1);
  const sync = await loaded(source);
  for (const change of [() => source.mine(), () => source.mine(), () => source.reorg(1, 2)]) {
    change();
    await sync.catchesUp();
    await sync.expectSourceRows();
  }
  expect(await sync.events("reorg")).toBe(TABLES.length);
});

describe("resume_cursor_incremental_blocks: [0,1], resumed with [2], then a reorg of two to [1',2',3']", () => {
  test.each([
    ["its fork inside the first microbatch is proven by the rows", { noPrevHash: false, lostOrphans: false }],
    [
      "without parent hashes all begins again, as nothing was pruned",
      { noPrevHash: true, lostOrphans: true },
    ],
  ])("%s", async (_, faults) => {
    Object.assign(scenario.misbehaviour, faults);
    const source = chainOf(2);
    const sync = await loaded(source);
    scenario.server.disconnectAll();
    source.mine();
    await sync.catchesUp();
    source.reorg(2, 3);
    await sync.catchesUp();
    await sync.expectSourceRows();
    expect(source.chain.head()!.number).toBe(3n);
  });
});

describe("a rewind by a reorg", () => {
  test("reorg_rewind_shallow: of the last block only", async () => {
    const source = chainOf(6);
    const sync = await loaded(source);
    source.mine();
    await sync.catchesUp();
    source.reorg(1, 2);
    await sync.catchesUp();
    await sync.expectSourceRows();
  });

  test("reorg_rewind_deep: below many microbatches", async () => {
    const source = chainOf(10);
    const sync = await loaded(source);
    for (let block = 0; block < 6; block++) {
      source.mine();
      await sync.catchesUp();
    }
    source.reorg(9, 10);
    await sync.catchesUp();
    await sync.expectSourceRows();
  });
});

test("app_metadata: ranges 0-0, 1-2, 2-3 leave the blocks of the last chain", async () => {
  const ranges = watchRanges();
  const source = chainOf(1);
  const sync = await loaded(source);
  source.mine(2);
  await sync.catchesUp();
  source.reorg(1, 2);
  await sync.catchesUp();
  expect(ranges).toEqual(["0-0", "1-2", "2-3"]);
  await sync.expectSourceRows();
});

test("rpc_reorg_prop: mined and replaced by one to three blocks, three rounds", async () => {
  const source = chainOf(5);
  const sync = await loaded(source);
  for (const depth of [2, 3, 1]) {
    source.mine(depth);
    await sync.catchesUp();
    source.reorg(depth, depth + 1);
    await sync.catchesUp();
    await sync.expectSourceRows();
  }
});

describe("rows without a block of their own, and names that need quotes", () => {
  const fields = ["from", "to", "select"].map((name) => new Field(name, new Utf8(), false));
  const rowsOf = (block: bigint) => Array.from({ length: 10 }, (_, i) => [`f${i}`, `t${block}`, "s"]);

  async function rowsIn({ schema }: Sync) {
    const { rows } = await scenario.db.query(
      `select count(*)::int as rows, count(distinct _id)::int as ids, min("from") as "from", max("to") as "to",
              array_agg(distinct "select") as "select", min(_block_num_start)::int as start, max(_block_num_end)::int as "end"
         from ${schema}.calls`,
    );
    return rows[0]!;
  }

  test("insert_with_reserved_word_columns: 50 rows; an _id that is there already is refused, not skipped", async () => {
    const schema = new Schema([new Field("_block_num", new Uint64(), false), ...fields]);
    const source = new TableSource("calls", schema, (block) => rowsOf(block).map((row) => [block, ...row]), {
      blocks: 5,
    });
    const sync = await scenario.follow(source, ["calls"]);
    await sync.catchesUp();
    expect(await rowsIn(sync)).toMatchObject({
      rows: 50,
      ids: 50,
      from: "f0",
      to: "t4",
      select: ["s"],
      start: 0,
      end: 4,
    });
    await expect(
      scenario.db.query(`insert into ${sync.schema}.calls select * from ${sync.schema}.calls limit 1`),
    ).rejects.toMatchObject({ code: "23505" });
  });

  test("multi_row_batch_without_block_num: 100 rows of blocks 1-10, each with that range", async () => {
    const source = new TableSource("calls", new Schema(fields), rowsOf, { start: 1n, blocks: 10 });
    const sync = await scenario.follow(source, ["calls"]);
    await sync.catchesUp();
    expect(await rowsIn(sync)).toMatchObject({ rows: 100, ids: 100, start: 1, end: 10 });
    const { rows } = await scenario.db.query(
      `select distinct _block_num_start::int as start, _block_num_end::int as "end" from ${sync.schema}.calls`,
    );
    expect(rows).toEqual([{ start: 1, end: 10 }]);
  });
});
