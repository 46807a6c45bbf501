import { beforeAll, beforeEach, describe, expect, test } from "vitest";

import { findings, LinkedChain } from "../../support/chain/linked-chain.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { registerDataset, SqlStream, watermark } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();
let loaded: LinkedChain;
let chain: LinkedChain;

/** Blocks 0 to 99 in microbatches of 10. */
beforeAll(async () => {
  loaded = await LinkedChain.loaded(db, 0, 99, { step: 10 });
});
beforeEach(async () => {
  chain = await loaded.again();
});

const logs = "chain.logs";
const blocks = "chain.blocks";

test("no row says that all is well", async () => {
  expect(await findings(db)).toEqual([]);
});

test("neither is a dataset damaged that nothing was loaded for", async () => {
  await db.query("select ampsync.enqueue_sync('other')");
  const { rows } = await db.query("select * from ampsync.verify('other')");
  expect(rows).toEqual([]);
});

describe("names", () => {
  test.each<[string, string, readonly string[]]>([
    [
      "a deleted row by its range",
      `delete from ${logs} where _block_num = 34 and log_index = 2`,
      ["logs: missing rows 30-39"],
    ],
    [
      "a doubled row by its block",
      `insert into ${logs} select substr(_id, 1, 6) || '\\x00112233445566778899', _block_num_start, _block_num_end,
                                  _block_num, block_hash, log_index from ${logs} where _block_num = 34 and log_index = 2`,
      ["logs: extra rows 34-34"],
    ],
    [
      "several doubled rows by their range",
      `insert into ${logs} select substr(_id, 1, 6) || '\\x00112233445566778899', _block_num_start, _block_num_end,
                                  _block_num, block_hash, log_index from ${logs} where _block_num in (34, 36) and log_index = 2`,
      ["logs: extra rows 30-39"],
    ],
    [
      "a changed row by its range",
      `update ${logs} set _id = substr(_id, 1, 6) || '\\x00112233445566778899' where _block_num = 34 and log_index = 2`,
      ["logs: changed rows 30-39"],
    ],
    [
      "a row that stands in another block",
      `update ${logs} set _id = ampsync_private.block_prefix(51) || substr(_id, 7) where _block_num = 34 and log_index = 2`,
      ["logs: missing rows 30-39", "logs: extra rows 51-51", "logs: tables disagree 51-51"],
    ],
    [
      "a row above the checkpoint",
      `insert into ${logs} select ampsync_private.block_prefix(107) || substr(_id, 7), 107, 107, 107, block_hash, log_index
         from ${logs} where _block_num = 99 and log_index = 1`,
      ["logs: rows outside 107-107"],
    ],
    ["a missing block", `delete from ${blocks} where _block_num = 34`, ["blocks: missing block 34-34"]],
    [
      "missing blocks in a row, and others",
      `delete from ${blocks} where _block_num between 38 and 41 or _block_num in (45, 99)`,
      ["38-41", "45-45", "99-99"].map((range) => `blocks: missing block ${range}`),
    ],
    [
      "a doubled block",
      `insert into ${blocks} select substr(_id, 1, 6) || '\\x00112233445566778899', _block_num_start, _block_num_end,
                                    _block_num, hash, parent_hash from ${blocks} where _block_num = 34`,
      ["blocks: extra rows 34-34"],
    ],
    [
      "a broken chain",
      `update ${blocks} set parent_hash = '\\xff' where _block_num = 34`,
      ["blocks: broken chain 33-34"],
    ],
    [
      "a block hash that nobody agrees with",
      `update ${blocks} set hash = sha256('') where _block_num = 34`,
      ["blocks: broken chain 34-35", "logs: tables disagree 34-34"],
    ],
    [
      "a block hash that the history contradicts",
      `update ${blocks} set hash = sha256('') where _block_num = 99`,
      ["blocks: history differs 99-99", "logs: tables disagree 99-99"],
    ],
    [
      "two hashes of one height",
      `update ${logs} set block_hash = sha256('') where _block_num = 34 and log_index = 3`,
      ["logs: two hashes 34-34"],
    ],
    [
      "logs of other blocks than the table of blocks has",
      `update ${logs} set block_hash = sha256(block_hash) where _block_num between 34 and 36`,
      ["logs: tables disagree 34-36"],
    ],
    [
      "blocks that the ledger does not speak of",
      `delete from ampsync_private.ledger where stream_id = (select stream_id from ampsync.streams where table_name = 'logs')
          and (first_block in (0, 30) or last_block = 99)`,
      ["0-9", "30-39", "90-99"].map((range) => `logs: ledger gap ${range}`),
    ],
    ["a table that somebody dropped", `drop table ${logs}`, ["logs: table gone 0-99"]],
    [
      "a table of blocks that somebody dropped, and looks at the others",
      `drop table ${blocks}; delete from ${logs} where _block_num = 34 and log_index = 2`,
      ["blocks: table gone 0-99", "logs: missing rows 30-39"],
    ],
  ])("%s", async (_, damage, expected) => {
    await db.query(damage);
    const found = await findings(db);
    expect(found.sort()).toEqual([...expected].sort());
  });
});

describe("a column that is called like the hash of a block, and is not,", () => {
  /** A table of 100 blocks, one row each, with hashes of something else. */
  async function misnamed(columns: readonly string[], values: string): Promise<SqlStream> {
    await registerDataset(db, "chain", ["blocks", "logs", "odd"]);
    const stream = await SqlStream.prepare(db, {
      table: "odd",
      columns: columns.map((name) => ({ name, type: "bytea", not_null: false })),
    });
    for (let first = 0; first < 100; first += 10) {
      await stream.beginApply();
      await db.query(
        `insert into chain.odd (_id, _block_num_start, _block_num_end, _block_num, ${columns.join(", ")})
         select ampsync_private.block_prefix(n) || substr(sha256(int8send(n)), 1, 10), n, n, n, ${values}
           from generate_series($1::bigint, $1::bigint + 9) n`,
        [first],
      );
      await stream.commitApply([watermark(first, first + 9)], 10);
    }
    return stream;
  }

  test.each([
    ["hashes of uncles", ["hash", "parent_hash"], "sha256(int8send(n)), sha256(int8send(-n))"],
    ["short hashes", ["hash", "parent_hash"], "int8send(n), int8send(-n)"],
    ["no hashes, as they are null", ["hash", "parent_hash"], "null, sha256(int8send(-n))"],
    ["hashes of another chain's blocks", ["block_hash"], "sha256(int8send(n))"],
  ])("is no damage: %s", async (_, columns, values) => {
    const stream = await misnamed(columns, values);
    expect(await findings(db)).toEqual([]);
    const { rows } = await db.query("select ampsync_private.own_hash($1, 95) as hash", [stream.id]);
    expect(rows).toEqual([{ hash: null }]); // It proves nothing, in no reorg and no repair.
  });

  test("is known by its values", async () => {
    await misnamed(["hash", "parent_hash"], "sha256(int8send(n)), sha256(int8send(-n))");
    const { rows } = await db.query(
      "select ampsync_private.hash_column(stream_id) as is, ampsync_private.named_hash_column(stream_id) as named from ampsync_private.stream order by table_name",
    );
    expect(rows).toEqual([
      { is: "hash", named: "hash" },
      { is: "block_hash", named: "block_hash" },
      { is: null, named: "hash" },
    ]);
  });

  test("is told from hashes that were damaged, as long as one watermark's block has its own", async () => {
    await db.query(`update ${blocks} set hash = sha256(hash) where _block_num < 99`);
    expect((await findings(db)).filter((each) => each.startsWith("blocks: history differs"))).toHaveLength(9);
  });
});

test("looks at one table where it is named, and refuses others", async () => {
  await db.query(`delete from ${logs} where _block_num = 34`);
  await db.query(`delete from ${blocks} where _block_num = 34`);
  expect(await findings(db, "blocks")).toEqual(["blocks: missing block 34-34"]);
  expect(await refusal(db, () => findings(db, "receipts"))).toMatchObject({ code: "SY003" });
});

test("says how many rows are there and how many were loaded", async () => {
  await db.query(`delete from ${logs} where _block_num = 34`);
  const { rows } = await db.query("select detail from ampsync.verify('chain')");
  expect(rows).toEqual([{ detail: "27 rows in blocks 30 to 39, where 30 were loaded." }]);
});

describe("one hole is one finding", () => {
  async function found(damage: string) {
    await db.query(damage);
    const { rows } = await db.query(
      `select format('%s: %s %s-%s', table_name, finding, first_block, last_block) as found, detail, hint
         from ampsync.verify('chain')`,
    );
    return rows;
  }

  test("however many entries of the ledger it touches, with all its rows and the call that repairs it", async () => {
    expect(await found(`delete from ${logs} where _block_num between 14 and 57`)).toEqual([
      {
        found: "logs: missing rows 10-59",
        detail: "18 rows in blocks 10 to 59, where 150 were loaded.",
        hint: "select ampsync.repair('chain', 'logs', 10, 59);",
      },
    ]);
  });

  test("where each block has a row, from its first block to its last", async () => {
    expect(
      await found(`delete from ${blocks} where _block_num between 14 and 57 or _block_num = 12`),
    ).toEqual([
      {
        found: "blocks: missing block 12-12",
        detail: "3 rows in blocks 10 to 19, where 10 were loaded.",
        hint: "select ampsync.repair('chain', 'blocks', 12, 12);",
      },
      {
        found: "blocks: missing block 14-57",
        detail: "5 rows in blocks 10 to 59, where 50 were loaded.",
        hint: "select ampsync.repair('chain', 'blocks', 14, 57);",
      },
    ]);
  });

  test("also of hashes", async () => {
    expect(
      await found(`update ${blocks} set parent_hash = '\\xff' where _block_num between 34 and 36`),
    ).toEqual([
      {
        found: "blocks: broken chain 33-36",
        detail: "3 in a row, the first: The parent hash in block 34 is not the hash in block 33.",
        hint: "select ampsync.repair('chain', 'blocks', 33, 36);",
      },
    ]);
  });

  test("and another kind of damage beside it is another finding", async () => {
    await db.query(`delete from ${logs} where _block_num between 10 and 19`);
    expect(
      await found(
        `update ${logs} set _id = substr(_id, 1, 6) || '\\x00112233445566778899' where _block_num = 24 and log_index = 2`,
      ),
    ).toMatchObject([{ found: "logs: missing rows 10-19" }, { found: "logs: changed rows 20-29" }]);
  });

  test("where no repair can help, the hint is a resync", async () => {
    expect(await found(`drop table ${logs}`)).toMatchObject([
      { hint: "select ampsync.resync('chain', 'logs');" },
    ]);
  });

  test("every hint runs as it is printed", async () => {
    await db.query(`delete from ${logs} where _block_num between 14 and 57`);
    await db.query(`update ${blocks} set parent_hash = '\\xff' where _block_num = 34`);
    await db.query(`delete from ampsync_private.ledger where first_block = 70`);
    const rows =
      await found(`insert into ${logs} select ampsync_private.block_prefix(107) || substr(_id, 7), 107, 107,
      107, block_hash, log_index from ${logs} where _block_num = 99 and log_index = 1`);
    expect(rows.length).toBeGreaterThan(4);
    for (const { hint } of rows) {
      await db.query("savepoint hint");
      await db.query(hint);
      await db.query("rollback to hint");
    }
  });
});

test("after reorgs of every kind finds nothing, and still names what is damaged then", async () => {
  await chain.reorg(95, 97, "b", "a"); // Through a microbatch …
  await chain.load(98, 105, { fork: "b", step: 3 });
  await chain.reorg(90, 110, "c", "a"); // … at the border of one …
  await chain.reorg(100, 100, "d", "c"); // … and to fewer blocks.
  expect(await findings(db)).toEqual([]);
  const { rows } = await db.query(
    `select first_block, last_block from ampsync_private.ledger where stream_id = $1 and last_block >= 80 order by 1`,
    [chain.logs.id],
  );
  expect(rows.map((row) => `${row["first_block"]}-${row["last_block"]}`)).toEqual([
    "80-89",
    "90-99",
    "100-100",
  ]);

  await db.query(`delete from ${logs} where _block_num = 97 and log_index = 1`);
  expect(await findings(db)).toEqual(["logs: missing rows 90-99"]);
});

test("a stream that started over at another block has a ledger of its new blocks alone", async () => {
  await chain.logs.beginApply({ from: null, parentHash: null });
  await chain.insert("logs", 5, 9, "b");
  await chain.logs.commitApply([watermark(5, 9, { fork: "b" })], 15);
  expect(await findings(db, "logs")).toEqual([]);
});

describe("rows of blocks that its caller may not read", () => {
  const verify = (table: string) => `select * from ampsync.verify('chain', '${table}')`;

  beforeEach(async () => {
    await db.query(`revoke select on ${blocks} from ampsync_reader`);
    await db.query(`update ${logs} set block_hash = '\\xff' where _block_num = 34`);
  });

  test("are compared with no others for him", async () => {
    await db.query("set local role ampsync_reader");
    const { code, message, hint } = await refusal(db, verify("logs"));
    expect({ code, message, hint }).toEqual({
      code: "42501",
      message: `table ${blocks} may not be read by role ampsync_reader`,
      hint: `grant select on table ${blocks} to ampsync_reader;`,
    });
    await db.query(`reset role; ${hint}; set local role ampsync_reader`);
    expect((await db.query(verify("logs"))).rowCount).toBe(1);
  });

  test("are compared for whoever may repair them", async () => {
    await db.query("set local role ampsync_operator");
    expect((await db.query(verify("logs"))).rowCount).toBe(1);
  });

  test("are not asked for where those of another network cannot be compared", async () => {
    await db.query("update ampsync_private.stream set network = 'base' where table_name = 'blocks'");
    await db.query("set local role ampsync_reader");
    expect((await db.query(verify("logs"))).rows).toEqual([]);
    expect((await refusal(db, verify("blocks"))).code).toBe("42501");
  });
});
