// Takes 24 s.
import { DenseUnion, Field, Schema, Uint64, Utf8 } from "apache-arrow";
import { expect, test } from "vitest";

import { invalidArgument } from "../../src/devserver/flight/refusal.ts";
import { startDevServer } from "../../src/devserver/server.ts";
import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { EVM_TABLES } from "../support/chain/evm-tables.ts";
import { portOf, Scenario } from "../support/worker/scenario.ts";

const BLOCK_NUM = new Field("_block_num", new Uint64(), false);
const NUMBER_OR_TEXT = new DenseUnion(
  [0, 1],
  [new Field("number", new Uint64()), new Field("text", new Utf8())],
);

/** Tables of which the server lists one that it does not let anybody query. */
class Tables extends Map<string, Schema> {
  override get(name: string): Schema | undefined {
    if (name === "refused")
      throw invalidArgument("planning error | Caused by: this table cannot be streamed");
    return super.get(name);
  }
}

/** A generated chain with two more tables that cannot be synced. */
class OddSource extends GeneratedSource {
  override readonly tables: ReadonlyMap<string, Schema> = new Tables([
    ...new GeneratedSource().tables,
    ["refused", new Schema([BLOCK_NUM])],
    ["unions", new Schema([BLOCK_NUM, new Field("either", NUMBER_OR_TEXT)])],
  ]);
}

test("a dataset that is not published waits, says what to do, and starts without help", async () => {
  const source = new GeneratedSource({ blocks: 50 });
  await using scenario = await Scenario.start({ source, published: false });
  scenario.startWorker();
  const sync = await scenario.sync();
  await scenario.until(
    "the dataset to be looked for",
    async () => (await status(scenario))["error_code"] !== null,
  );
  expect(await status(scenario)).toEqual({
    state: "waiting",
    error_code: "SY103",
    waiting_on: expect.stringContaining("anvil"),
    hint: expect.stringMatching(/\w/),
    retries: true,
  });

  scenario.server.publish("0.0.0");
  await sync.reaches();
  await sync.expectSourceRows();
  await scenario.until("nothing to wait for", async () => (await status(scenario))["waiting_on"] === null);
});

test("a dataset without blocks waits, and starts with the first one", async () => {
  const source = new GeneratedSource();
  await using scenario = await Scenario.start({ source });
  scenario.startWorker();
  const sync = await scenario.sync(["blocks"]);
  await scenario.until(
    "the stream to wait",
    async () =>
      (await sync.states())["blocks"] === "waiting" && (await status(scenario))["error_code"] === "SY103",
  );
  source.mine(3);
  await sync.reaches();
});

test("a table that cannot be synced fails with its reason, while the others go on", async () => {
  const source = new OddSource({ blocks: 50 });
  await using scenario = await Scenario.start({ source });
  scenario.startWorker();
  const sync = await scenario.sync();
  await sync.reaches({ tables: EVM_TABLES.length });
  await scenario.until("two tables to fail", async () => {
    const states = await sync.states();
    return states["unions"] === "failed" && states["refused"] === "failed";
  });
  const { rows } = await scenario.db.query(
    `select table_name, error_code, reason, detail, hint is not null as "isHinted", next_retry
       from ampsync.streams where state = 'failed' order by table_name`,
  );
  expect(rows).toEqual([
    {
      table_name: "refused",
      error_code: "SY004",
      reason: "The Amp server refuses the query",
      detail: expect.stringContaining("this table cannot be streamed"),
      isHinted: true,
      next_retry: null,
    },
    {
      table_name: "unions",
      error_code: "SY202",
      reason: expect.stringContaining("in column either of table unions"),
      detail: null,
      isHinted: true,
      next_retry: null,
    },
  ]);

  source.mine(5);
  source.reorg(2);
  await sync.reaches({ tables: EVM_TABLES.length });
  await sync.expectSourceRows(EVM_TABLES);
});

test("a Flight server that is down at the start is retried until it is there", async () => {
  const source = new GeneratedSource({ blocks: 50 });
  await using scenario = await Scenario.start({ source });
  const gone = await startDevServer({ source });
  await gone.stop();
  scenario.startWorker({ flightAddress: gone.flightAddress });
  const sync = await scenario.sync();
  await scenario.until("all streams to retry", async () => {
    const states = Object.values(await sync.states());
    return states.length === 3 && states.every((state) => state === "retrying");
  });
  const { rows } = await scenario.db.query(
    `select distinct error_code, hint is not null as "isHinted", next_retry is not null as retries from ampsync.streams`,
  );
  expect(rows).toEqual([{ error_code: "SY104", isHinted: true, retries: true }]);

  const back = await startDevServer({ source, flightPort: portOf(gone.flightAddress) });
  try {
    await sync.reaches({ deadlineMs: 20_000 });
    await sync.expectSourceRows();
  } finally {
    await back.stop();
  }
});

async function status(scenario: Scenario): Promise<Record<string, unknown>> {
  const { rows } = await scenario.db.query(
    `select state, error_code, waiting_on, hint, next_retry is not null as retries from ampsync.status`,
  );
  return rows[0]!;
}
