import { expect, test } from "vitest";

import { BadValueSource } from "../support/chain/bad-value-source.ts";
import { Scenario } from "../support/worker/scenario.ts";

test("a worker loads, quarantines and follows rows with _tx_id and _row_index", async () => {
  const source = new BadValueSource(57n, { blocks: 40, logsPerBlock: 4 });
  await using scenario = await Scenario.start({ source, maxBlocksPerMicrobatch: 10 });
  scenario.startWorker();
  const sync = await scenario.sync(["logs", "notes"], {
    nul_policy: "fail",
    value_policy: "quarantine",
    identity: "transaction",
  });
  await sync.reaches();
  await scenario.db.query("alter table chain.logs add check (_block_num <> 60 or log_index <> 1)");
  source.mine(25);
  await sync.catchesUp(); // PostgreSQL refuses a row: the pass begins again and looks for it.

  const { rows } = await scenario.db.query(
    `select (select count(*)::int from ampsync.verify('anvil')) as findings,
            (select array_agg(concat_ws(' ', table_name, block, sqlstate) order by block) from ampsync.rejects) as rejected,
            (select count(*)::int from (select _tx_id from chain.logs group by 1
              having min(_row_index) <> 0 or max(_row_index) <> count(*) - 1) g) as gaps,
            (select count(*)::int from (select _block_num < lag(_block_num) over (order by _tx_id, _row_index) as falls
                                          from chain.logs) f where f.falls) as falls,
            (select count(distinct _tx_id)::int > 4 from chain.logs) as rises`,
  );
  expect(rows).toEqual([
    { findings: 0, rejected: ["notes 57 SY203", "logs 60 23514"], gaps: 1, falls: 0, rises: true },
  ]);
});
