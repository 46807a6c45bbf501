import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { Lab } from "../support/worker/lab.ts";

const LOGS_PER_BLOCK = 25;
const BLOCKS = 40;
const BATCHES = 5;
const ROWS_PER_BATCH = (BLOCKS * LOGS_PER_BLOCK) / BATCHES;

let lab: Lab;

beforeAll(async () => {
  lab = await Lab.start();
});
afterEach(() => lab.reset());
afterAll(() => lab[Symbol.asyncDispose]());

test("a kill after any batch of a microbatch loses nothing", async () => {
  let sent = 0;
  Object.assign(lab.misbehaviour, {
    rowsPerBatch: ROWS_PER_BATCH,
    falseMetadata: (truth: unknown) => {
      sent++;
      return truth;
    },
  });
  const source = new GeneratedSource({ blocks: 1, logsPerBlock: LOGS_PER_BLOCK });
  const sync = await lab.sync(source);
  await sync.reaches();

  for (let batches = 0; batches <= BATCHES; batches++) {
    const { block } = (await sync.stream())!;
    sent = 0;
    lab.misbehaviour.breaks = { after: batches, unit: "batches", how: "stall" };
    source.mine(BLOCKS);
    await lab.scenario.until(`${batches} batches`, async () => sent >= batches);
    await lab.kill();
    expect((await sync.stream())!.block).toBe(block); // Nothing of it counted.

    lab.misbehaviour.breaks = null;
    lab.restart();
    await sync.reaches();
  }
  await sync.expectEqual();
}, 60_000);

test("a kill in the middle of a reorg that another one replaces leaves nothing of either", async () => {
  const source = new GeneratedSource({ blocks: 40, logsPerBlock: 10 });
  const sync = await lab.sync(source);
  await sync.reaches();

  // While its replacement is still coming in …
  Object.assign(lab.misbehaviour, { rowsPerBatch: 20, breaks: { after: 2, unit: "batches", how: "stall" } });
  let sent = 0;
  lab.misbehaviour.falseMetadata = (truth) => {
    sent++;
    return truth;
  };
  source.reorg(7);
  await lab.scenario.until("some of the replacement", async () => sent >= 2);
  await lab.kill();
  source.reorg(9, 12);
  lab.misbehaviour.breaks = null;
  lab.restart();
  await sync.reaches();
  await sync.expectEqual();

  // … and while the orphans are being deleted.
  const blocker = await lab.db.client();
  await blocker.query(`begin; lock table ${sync.schema}.logs in share mode`);
  source.reorg(7);
  await lab.scenario.until("the reorg to wait for the table", async () => {
    const { rows } = await lab.db.query(
      "select from pg_locks where relation = $1::regclass and not granted",
      [`${sync.schema}.logs`],
    );
    return rows.length === 1;
  });
  await lab.worker.kill();
  await blocker.query("rollback");
  await lab.kill();
  source.reorg(9, 12);
  lab.restart();
  await sync.reaches();
  await sync.expectEqual();
});
