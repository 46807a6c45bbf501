import { beforeAll, beforeEach, describe, expect, test } from "vitest";

import { LinkedChain } from "../../support/chain/linked-chain.ts";
import { journaledDetails } from "../../support/postgres/journal.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { SqlStream, watermark } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();
let loaded: LinkedChain;

/** 300 blocks, of which the history holds 140 and above. */
beforeAll(async () => {
  loaded = await LinkedChain.loaded(db, 0, 299, { step: 10 });
});
beforeEach(async () => {
  await loaded.again();
});

/** What the call returns, one line a range. */
async function repaired(...args: readonly string[]): Promise<string[]> {
  const { rows } = await db.query(`select * from ampsync.repair(${["'chain'", ...args].join(", ")})`);
  return rows.map((row) =>
    [`${row["table_name"]} ${row["from_block"]}-${row["to_block"]} ${row["state"]}`, row["hint"]]
      .filter(Boolean)
      .join(": "),
  );
}

const damage = () =>
  db.query(
    `delete from chain.logs where _block_num between 154 and 197 or _block_num = 224;
     delete from chain.blocks where _block_num = 200;
     update chain.blocks set parent_hash = '\\xff' where _block_num = 202`,
  );

describe("a repair without a range", () => {
  test("is requested for all that verify finds, and says what", async () => {
    await damage();
    expect(await repaired()).toEqual([
      "blocks 200-202 queued", // A missing block, and a broken chain beside it.
      "logs 150-199 queued",
      "logs 220-229 queued",
    ]);
    const { rows } = await db.query(
      "select table_name, from_block, to_block from ampsync.repairs order by table_name, from_block",
    );
    expect(rows.map((row) => Object.values(row).join(" "))).toEqual([
      "blocks 200 202",
      "logs 150 199",
      "logs 220 229",
    ]);
  });

  test("may be asked for again: what waits is left as it is, and journaled once", async () => {
    await damage();
    await repaired();
    expect(await repaired()).toEqual([
      "blocks 200-202 waiting",
      "logs 150-199 waiting",
      "logs 220-229 waiting",
    ]);
    expect(await journaledDetails(db, "repair_requested")).toHaveLength(3);
    await db.query("delete from chain.logs where _block_num = 240");
    expect(await repaired("'logs'")).toEqual([
      "logs 150-199 waiting",
      "logs 220-229 waiting",
      "logs 240-249 queued",
    ]);
  });

  test("is another one where the server is right and holds less", async () => {
    await damage();
    await repaired();
    expect(await repaired("'logs'", "accept_fewer => true")).toEqual([
      "logs 150-199 queued",
      "logs 220-229 queued",
    ]);
    expect(await repaired("'logs'")).toEqual(["logs 150-199 waiting", "logs 220-229 waiting"]);
  });

  test("of one table leaves the others alone", async () => {
    await damage();
    expect(await repaired("'blocks'")).toEqual(["blocks 200-202 queued"]);
    expect(await refusal(db, () => repaired("'receipts'"))).toMatchObject({ code: "SY003" });
  });

  test("of what is whole is none", async () => {
    expect(await repaired()).toEqual([]);
    expect(await journaledDetails(db, "repair_requested")).toEqual([]);
  });

  test("names what only a resync helps, and repairs the rest", async () => {
    await db.query("delete from chain.blocks where _block_num = 34");
    await db.query(
      `insert into chain.logs select ampsync_private.block_prefix(307) || substr(_id, 7), 307, 307, 307, block_hash, log_index
         from chain.logs where _block_num = 299 and log_index = 1`,
    );
    expect(await repaired()).toEqual([
      "blocks 34-34 queued",
      "logs 307-307 refused: select ampsync.resync('chain', 'logs');",
    ]);
    await db.query("drop table chain.logs");
    expect(await repaired()).toEqual([
      "blocks 34-34 waiting",
      "logs 0-299 refused: select ampsync.resync('chain', 'logs');",
    ]);
  });

  test("does not reach below the first block whose rows are loaded", async () => {
    await db.query("delete from chain.logs where _block_num between 150 and 159");
    await db.query("update ampsync_private.stream set from_block = 155 where table_name = 'logs'");
    expect(await repaired("'logs'")).toContain("logs 155-159 queued");
  });

  test("of young blocks whose rows carry no hash is refused, as the same range is by name", async () => {
    const columns = [{ name: "note", type: "text", not_null: false }];
    const plain = await SqlStream.prepare(db, { dataset: "plain", columns });
    for (let start = 0; start < 300; start += 10) {
      await plain.beginApply();
      await plain.commitApply([watermark(start, start + 9)], 0);
    }
    await db.query(
      `insert into plain.blocks (_id, _block_num_start, _block_num_end, _block_num)
       select ampsync_private.block_prefix(n) || '\\x00112233445566778899', n, n, n from unnest('{105,255}'::bigint[]) n`,
    );
    const { rows } = await db.query("select * from ampsync.repair('plain')");
    expect(rows.map((row) => [row["from_block"], row["state"], row["hint"]].join(" "))).toEqual([
      "105 queued ",
      "255 refused select ampsync.resync('plain', 'blocks');",
    ]);
    expect(await refusal(db, "select ampsync.repair('plain', 'blocks', 255, 255)")).toMatchObject({
      code: "SY004",
    });
  });
});

test("a repair of a range says that it is queued", async () => {
  expect(await repaired("'logs'", "30", "39")).toEqual(["logs 30-39 queued"]);
});
