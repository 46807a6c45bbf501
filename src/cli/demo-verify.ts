import type pg from "pg";

import type { DemoChain } from "./demo-chain.ts";

/** The differences between the tables of the demo and its chain, block by block; empty if they are equal. */
export async function differences(pool: pg.Pool, chain: DemoChain): Promise<string[]> {
  const expected = await chain.blocks();
  const { rows } = await pool.query(
    `select b._block_num as number, '0x' || encode(b.hash, 'hex') as hash,
            (select count(*) from anvil.logs l where l.block_hash = b.hash) as logs,
            (select count(*) from anvil.transactions t where t.block_hash = b.hash) as transactions,
            (select count(*) from anvil.logs) as all_logs,
            (select count(*) from anvil.transactions) as all_transactions
       from anvil.blocks b
      order by 1`,
  );
  const wanted = expected.map(
    (block) => `block ${block.number} ${block.hash}: ${block.transactions} transactions, ${block.logs} logs`,
  );
  const found = rows.map(
    (row) => `block ${row.number} ${row.hash}: ${row.transactions} transactions, ${row.logs} logs`,
  );
  const lines = [
    ...wanted.filter((line) => !found.includes(line)).map((line) => `missing: ${line}`),
    ...found.filter((line) => !wanted.includes(line)).map((line) => `unexpected: ${line}`),
  ];
  const sums: Record<string, number> = {
    all_logs: expected.reduce((sum, block) => sum + block.logs, 0),
    all_transactions: expected.reduce((sum, block) => sum + block.transactions, 0),
  };
  for (const [column, sum] of Object.entries(sums)) {
    if (rows.length > 0 && Number(rows[0][column]) !== sum) {
      lines.push(`${column.slice(4)}: ${rows[0][column]} rows where the chain has ${sum}`);
    }
  }
  return lines;
}
