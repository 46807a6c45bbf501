// Takes 15 s.
import { expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { LOCKS_HERE } from "../support/postgres/rivals.ts";
import { CASES, someCases } from "../support/some-cases.ts";
import { sharedScenario } from "../support/worker/shared-scenario.ts";

const LOGS_PER_BLOCK = 25;
const BLOCKS = 40;
const BATCHES = 5;
/** After all of its batches it is another thing than in between. */
const MOMENTS = someCases(
  Array.from({ length: BATCHES + 1 }, (_, batches) => batches),
  { kindOf: (batches) => batches === BATCHES },
);
const ROWS_PER_BATCH = (BLOCKS * LOGS_PER_BLOCK) / BATCHES;

const scenario = sharedScenario();

test(`a kill after any batch of a microbatch loses nothing (${CASES})`, async () => {
  let sent = 0;
  Object.assign(scenario.misbehaviour, {
    rowsPerBatch: ROWS_PER_BATCH,
    falseMetadata: (truth: unknown) => {
      sent++;
      return truth;
    },
  });
  const source = new GeneratedSource({ blocks: 1, logsPerBlock: LOGS_PER_BLOCK });
  const sync = await scenario.follow(source);
  await sync.catchesUp();

  for (const batches of MOMENTS) {
    const { block } = (await sync.stream())!;
    sent = 0;
    scenario.misbehaviour.breaks = { after: batches, unit: "batches", how: "stall" };
    source.mine(BLOCKS);
    await scenario.until(`${batches} batches`, async () => sent >= batches);
    await scenario.killWorker();
    expect((await sync.stream())!.block).toBe(block); // Nothing of it counted.

    scenario.misbehaviour.breaks = null;
    scenario.startWorker();
    await sync.catchesUp();
  }
  await sync.expectSourceRows();
});

test("a kill in the middle of a reorg that another one replaces leaves nothing of either", async () => {
  const source = new GeneratedSource({ blocks: 40, logsPerBlock: 10 });
  const sync = await scenario.follow(source);
  await sync.catchesUp();

  // While its replacement is still coming in …
  Object.assign(scenario.misbehaviour, {
    rowsPerBatch: 20,
    breaks: { after: 2, unit: "batches", how: "stall" },
  });
  let sent = 0;
  scenario.misbehaviour.falseMetadata = (truth) => {
    sent++;
    return truth;
  };
  source.reorg(7);
  await scenario.until("some of the replacement", async () => sent >= 2);
  await scenario.killWorker();
  source.reorg(9, 12);
  scenario.misbehaviour.breaks = null;
  scenario.startWorker();
  await sync.catchesUp();
  await sync.expectSourceRows();

  // … and while the orphans are being deleted.
  const blocker = await scenario.db.client();
  await blocker.query(`begin; lock table ${sync.schema}.logs in share mode`);
  source.reorg(7);
  await scenario.until("the reorg to wait for the table", async () => {
    const { rows } = await scenario.db.query(
      `select from ${LOCKS_HERE} where relation = $1::regclass and not granted`,
      [`${sync.schema}.logs`],
    );
    return rows.length === 1;
  });
  await scenario.worker.kill();
  await blocker.query("rollback");
  await scenario.killWorker();
  source.reorg(9, 12);
  scenario.startWorker();
  await sync.catchesUp();
  await sync.expectSourceRows();
});
