import { expect } from "vitest";

import type { Source } from "../../../src/devserver/source.ts";
import type { TestDatabase } from "./postgres.ts";

/** Fails unless a table of logs or transactions holds so many rows of each block of the chain, and no other row. */
export async function expectBlocks(
  db: TestDatabase,
  target: string,
  { chain }: Source,
  rowsPerBlock: number,
): Promise<void> {
  const { rows } = await db.query(
    `select t._block_num::text || ' 0x' || encode(t.block_hash, 'hex') || ' ' || count(*) as block
       from ${target} t group by t._block_num, t.block_hash order by t._block_num`,
  );
  const expected: string[] = [];
  for (let block = chain.canonical(chain.start); block !== null; block = chain.canonical(block.number + 1n)) {
    expected.push(`${block.number} ${block.hash} ${rowsPerBlock}`);
  }
  expect(rows.map((row) => row["block"])).toEqual(expected);
}
