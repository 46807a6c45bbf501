// Takes 20 s.
import { expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { expectSourceRows, fingerprints, freshLoad } from "../support/chain/generated.ts";
import { Scenario } from "../support/worker/scenario.ts";

/** Who holds a lease now, and how many. */
async function holders(scenario: Scenario): Promise<Record<string, number>> {
  const { rows } = await scenario.db.query(
    "select worker, count(*)::int as streams from ampsync.streams where worker is not null group by 1",
  );
  return Object.fromEntries(rows.map((row) => [row["worker"], row["streams"]]));
}

/** Publishes the source under `count` versions, each into a schema of its own; three streams each. */
async function syncOften(scenario: Scenario, count: number): Promise<readonly string[]> {
  const schemas: string[] = [];
  for (let major = 1; major <= count; major++) {
    scenario.server.publish(`${major}.0.0`);
    await scenario.sync(`anvil@${major}.0.0`, `chain_${major}`);
    schemas.push(`chain_${major}`);
  }
  return schemas;
}

test("of two workers exactly one writes a stream", async () => {
  const source = new GeneratedSource({ blocks: 3_000 });
  await using scenario = await Scenario.start({ source });
  scenario.startWorker();
  scenario.startWorker();
  await scenario.sync("anvil", "chain", ["logs"]);
  // A second job for the same stream, as after a lost result: whoever gets it finds the lease taken.
  await scenario.until("the lease", async () => (await scenario.stream("logs"))?.isLeased === true);
  const { holder } = await scenario.stream("logs");
  await scenario.db.query("select ampsync_private.schedule_stream(stream_id, now()) from ampsync.streams");
  await scenario.until("the second job to be over", async () => {
    const { rows } = await scenario.db.query(
      "select from ampsync.jobs where task = 'ampsync_stream' and state <> 'running'",
    );
    return rows.length === 0;
  });
  source.mine(10);
  source.reorg(4);
  await scenario.reaches("chain", 1);
  expect(await scenario.stream("logs")).toMatchObject({ epoch: 1, holder });
  expect(await fingerprints(scenario.db, "chain", ["logs"])).toEqual(await freshLoad(source, ["logs"]));
});

test("more streams than one worker has slots are shared between two, and all stay at the head", async () => {
  const source = new GeneratedSource({ blocks: 200 });
  await using scenario = await Scenario.start({ source });
  scenario.startWorker();
  scenario.startWorker();
  const schemas = await syncOften(scenario, 4);
  for (const schema of schemas) await scenario.reaches(schema, 3);
  const shares = Object.values(await holders(scenario));
  expect(shares).toHaveLength(2);
  expect(shares[0]! + shares[1]!).toBe(12);

  source.mine(10);
  source.reorg(3);
  for (const schema of schemas) {
    await scenario.reaches(schema, 3);
    await expectSourceRows(scenario.db, schema, source);
  }
  const { rows } = await scenario.db.query("select distinct epoch::int from ampsync_private.lease");
  expect(rows).toEqual([{ epoch: 1 }]); // Nobody had to give way.
});

test("more streams than a worker has slots all progress, by turns", async () => {
  const source = new GeneratedSource({ blocks: 200 });
  await using scenario = await Scenario.start({ source });
  scenario.startWorker();
  const schemas = await syncOften(scenario, 4);
  for (const schema of schemas) await scenario.reaches(schema, 3, source.chain.head()!, 25_000);
  expect(Object.values(await holders(scenario))).toEqual([10]);

  source.mine(5);
  for (const schema of schemas) await scenario.reaches(schema, 3, source.chain.head()!, 25_000);
  for (const schema of schemas) await expectSourceRows(scenario.db, schema, source);
}, 60_000);
