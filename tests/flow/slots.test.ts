// Takes 12 s.
import { expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { Scenario } from "../support/worker/scenario.ts";

test("a worker whose streams all wait for data, with more streams than slots, starts short jobs at once", async () => {
  await using scenario = await Scenario.start({ source: new GeneratedSource({ blocks: 20 }) });
  scenario.startWorker({ env: { AMPSYNC_STREAMS_PER_WORKER: "1" } });
  const sync = await scenario.sync(["logs", "blocks"]);
  await scenario.until("a stream to take the slot", async () => (await streamsHeld(scenario)) === 1);
  const { rows: workers } = await scenario.db.query("select slots, slots_used::int from ampsync.workers");
  expect(workers).toEqual([{ slots: 1, slots_used: 1 }]);

  scenario.server.publish("2.0.0");
  const second = await scenario.sync(["logs"], { dataset: "anvil@2.0.0", schema: "second" });
  await scenario.until(
    "the new dataset to be looked up",
    async () => (await second.stream()) !== null,
    3_000,
  );
  expect(await streamsHeld(scenario)).toBe(1);
  await sync.reaches({ deadlineMs: 40_000 });
});

async function streamsHeld(scenario: Scenario): Promise<number> {
  const { rows } = await scenario.db.query(
    "select count(*)::int as held from ampsync.jobs where task = 'ampsync_stream' and state = 'running'",
  );
  return rows[0]!["held"];
}
