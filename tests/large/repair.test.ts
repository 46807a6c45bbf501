// Takes 104 s.
import { expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { findings } from "../support/chain/linked-chain.ts";
import { Scenario } from "../support/worker/scenario.ts";

const BLOCKS = 2_000;
const LOGS = 200;
const [FROM, TO] = [300, 1_299];
/** A busy machine takes several times the five seconds of a load. */
const DEADLINE_MS = 75_000;

test("200,000 rows are fetched again from a server that lags, then sends the first half, then all", async () => {
  await using scenario = await Scenario.start({ maxBlocksPerMicrobatch: 20 }); // So that the history is short.
  scenario.startWorker();
  const chainOf = (blocks: number) => new GeneratedSource({ blocks, logsPerBlock: LOGS });
  const sync = await scenario.follow(chainOf(BLOCKS), ["blocks", "logs"]);
  await sync.catchesUp({ deadlineMs: DEADLINE_MS });
  const loaded = await sync.fingerprints();

  /** Tries the repair at once, until it is put off for this reason, or done. */
  async function untilTried(what: string): Promise<void> {
    await scenario.db.query("update ampsync_private.repair set due_at = ampsync_private.now(), error = null");
    scenario.server.disconnectAll();
    const isTried = async () => {
      await scenario.hurry();
      const { rows } = await scenario.db.query("select reason from ampsync.repairs");
      return rows.length === 0 ? what === "done" : `${rows[0]!["reason"]}`.includes(what);
    };
    await scenario.until(what, isTried, DEADLINE_MS);
  }

  const lagging = chainOf(800);
  scenario.server.publish(sync.version, lagging);
  await scenario.db.query(`delete from ${sync.schema}.logs where _block_num between ${FROM} and ${FROM + 9}`);
  await scenario.db.query("select ampsync.repair($1, 'logs', $2, $3)", [sync.dataset, FROM, TO]);
  await untilTried("it holds blocks up to 799");

  lagging.mine(BLOCKS - 800);
  const half = ((TO - FROM + 1) * LOGS) / 2;
  scenario.misbehaviour.breaks = { after: half, unit: "rows", how: "end" };
  await untilTried(`for block ${TO} does not have the hash`);
  // Where nothing tells the hash of the last block, the number of rows does.
  await scenario.db.query(`delete from ${sync.schema}.logs where _block_num = ${TO}`);
  await untilTried("were loaded");
  expect(await findings(scenario.db, "logs", sync.dataset)).not.toEqual([]);

  scenario.misbehaviour.breaks = null;
  await untilTried("done");
  expect(await sync.fingerprints()).toEqual(loaded);
  expect(await findings(scenario.db, null, sync.dataset)).toEqual([]);
});
