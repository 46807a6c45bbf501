import { expect, test } from "vitest";

import { expectBlocks } from "../support/held-blocks.ts";
import { PoisonedSource } from "../support/poisoned-source.ts";
import { Scenario } from "../support/scenario.ts";

const LOGS_PER_BLOCK = 4;

test("N37 a poison value stops its table by policy, names row and column, is not read again; other tables go on", async () => {
  const source = new PoisonedSource(57n, { blocks: 40, logsPerBlock: LOGS_PER_BLOCK });
  await using scenario = await Scenario.start({ source, maxBlocksPerMicrobatch: 10 });
  scenario.startWorker();
  await scenario.sync("anvil", "chain", ["logs", "notes"], { nul_policy: "fail" });
  await scenario.reaches("chain", 2);

  source.mine(25);
  await scenario.until(
    "the table to stop",
    async () => (await scenario.states("chain"))["notes"] === "failed",
  );
  const { rows } = await scenario.db.query(
    "select error_code, reason, detail, hint, next_retry, block from ampsync.streams where table_name = 'notes'",
  );
  const [stopped] = rows;
  expect(stopped).toMatchObject({ error_code: "SY203", next_retry: null });
  expect(`${stopped!["reason"]} ${stopped!["detail"]}`).toMatch(/note/);
  expect(`${stopped!["reason"]} ${stopped!["detail"]}`).toMatch(/row/);
  expect(stopped!["hint"]).toMatch(/\w/);
  // Whole microbatches only, none of them the poisoned one.
  expect(Number(stopped!["block"])).toBeLessThan(57);
  const { rows: held } = await scenario.db.query("select count(*)::int as n from chain.notes");
  expect(held[0]!["n"]).toBe(Number(stopped!["block"]) + 1);

  const { reads } = source;
  source.mine(20);
  source.reorg(5);
  await scenario.reaches("chain", 1); // The other one.
  await expectBlocks(scenario.db, "chain.logs", source, LOGS_PER_BLOCK);
  await scenario.db.query("select ampsync.supervise()"); // Nor does the supervisor wake it.
  source.mine(5);
  await scenario.reaches("chain", 1);
  expect(source.reads).toBe(reads);
});
