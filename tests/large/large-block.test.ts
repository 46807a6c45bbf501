// Takes 11 s.
import { Field, Schema, Uint64, Utf8 } from "apache-arrow";
import { expect, test } from "vitest";

import type { Value } from "../../src/devserver/arrow/encode-values.ts";
import { TableSource } from "../support/chain/table-source.ts";
import { Scenario } from "../support/worker/scenario.ts";

const ROWS = 50_000;
const BLOCKS = 3;

/**
 * Every third row is one of twenty, so that each of those comes again and again
 * while the others make whatever counts them grow.
 */
function rowsOf(block: bigint): readonly (readonly Value[])[] {
  return Array.from({ length: ROWS }, (_, row) => [
    block,
    row % 3 === 0 ? `one of ${row % 20}` : `row ${row}`,
  ]);
}

test("blocks of 50,000 rows, a third of them equal to others, are stored row by row", async () => {
  const schema = new Schema([
    new Field("_block_num", new Uint64(), false),
    new Field("note", new Utf8(), false),
  ]);
  const source = new TableSource("notes", schema, rowsOf, { blocks: BLOCKS });
  await using scenario = await Scenario.start({ source });
  scenario.startWorker();
  const sync = await scenario.sync(["notes"]);
  await sync.reaches({ deadlineMs: 60_000 });

  const { rows } = await scenario.db.query(
    `select n._block_num::int as block, count(*)::int as rows, count(distinct n._id)::int as ids,
            count(distinct n.note)::int as notes
       from chain.notes n group by 1 order by 1`,
  );
  const expected = { rows: ROWS, ids: ROWS, notes: new Set(rowsOf(0n).map(([, note]) => note)).size };
  expect(rows).toEqual(Array.from({ length: BLOCKS }, (_, block) => ({ block, ...expected })));
});
