import { expect, test } from "vitest";

import { applyFrame } from "../../../src/client/apply.ts";
import { type Database, read } from "../../../src/client/database.ts";
import { Housekeeping } from "../../../src/client/housekeeping.ts";
import { openStore } from "../../../src/client/store.ts";
import { makeTable, Tables } from "../../../src/client/tables.ts";
import { frameOf } from "../../support/client/frames.ts";
import { READY_MADE } from "../../support/client/ready-made.ts";
import { blocks, EPOCH } from "../../support/client/tables.ts";

/** In few frames, each with many rows, as much as a window of 10,000 blocks has in a tenth; housekeeping at a tenth of its WAL. */
const BLOCKS = 400;
const ROWS = 50;
const WINDOW = 20;
const MIB = 2 ** 20;
const PACE = { checkpointBytes: BigInt(2 * MIB), eachCalls: 8 };

test("a store under a window that moves on stays as large as its window, WAL too", async () => {
  const { pg, release } = await openStore("memory://", READY_MADE);
  try {
    const tables = new Tables();
    await pg.transaction((tx) => makeTable(tx, blocks));
    await tables.read(pg);
    const housekeeping = new Housekeeping(pg, PACE);
    const begun = await written(pg);
    let largestWal = 0;
    let largestTable = 0;
    for (let at = 1; at <= BLOCKS; at++) {
      const frame = frameOf({ blocks: [String(at - 1), String(at)], ops: [opOf(at)] });
      await applyFrame(pg, tables, new Set(), EPOCH, frame);
      await housekeeping.tend([]);
      if (at % 40 > 0) continue;
      const [size] = await read<{ wal: number; of_table: number }>(
        pg,
        `select (select sum(size)::int from pg_ls_waldir()) as wal, pg_relation_size('eth.blocks')::int as of_table`,
      );
      largestWal = Math.max(largestWal, size!.wal);
      largestTable = Math.max(largestTable, size!.of_table);
    }
    const [end] = await read<{ rows: number; fresh: number }>(
      pg,
      "select count(*)::int as rows, sum(pg_column_size(b.*))::int as fresh from eth.blocks b",
    );

    expect(end!.rows).toBe((WINDOW + 1) * ROWS);
    expect((await written(pg)) - begun).toBeGreaterThan(16 * MIB);
    expect(largestWal).toBeLessThanOrEqual(8 * MIB);
    expect(largestTable).toBeLessThanOrEqual(6 * end!.fresh);
  } finally {
    await pg.close();
    release();
  }
});

async function written(pg: Database): Promise<number> {
  const [at] = await read<{ bytes: string }>(pg, "select (pg_current_wal_lsn() - '0/0')::text as bytes");
  return Number(at!.bytes);
}

function opOf(at: number): object {
  let copy = "";
  for (let row = 0; row < ROWS; row++) {
    const id = at.toString(16).padStart(12, "0") + row.toString(16).padStart(20, "0");
    copy += `\\\\x${id}\t${at}\t${"h".repeat(500)}\n`;
  }
  return {
    op: "blocks",
    table: blocks.name,
    ranges: [[String(at), null]],
    copy,
    trim: String(Math.max(0, at - WINDOW)),
  };
}
