// Takes 38 s.
import { afterAll, beforeAll, expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { Scenario } from "../support/worker/scenario.ts";
import type { Sync } from "../support/worker/sync.ts";

const TABLES = ["blocks", "logs", "transactions"];

/** A slot for each stream. */
const SLOTS = { args: ["--jobs", "20"] };

let scenario: Scenario;

beforeAll(async () => {
  scenario = await Scenario.start();
  scenario.startWorker(SLOTS);
});
afterAll(() => scenario[Symbol.asyncDispose]());

async function deaths(sync: Sync, table: string): Promise<number> {
  const { rows } = await scenario.db.query(
    "select deaths from ampsync_private.stream where target_schema = $1 and table_name = $2",
    [sync.schema, table],
  );
  return rows[0]!["deaths"];
}

test("a stream of which a worker dies again and again waits alone; the eleven beside it are live", async () => {
  const sources = Array.from({ length: 4 }, () => new GeneratedSource({ blocks: 20, logsPerBlock: 3 }));
  const healthy: Sync[] = [];
  for (const [i, source] of sources.entries()) {
    healthy.push(await scenario.follow(source, i === 3 ? TABLES.slice(0, 2) : TABLES));
  }
  const suspect = await scenario.follow(new GeneratedSource({ blocks: 20, logsPerBlock: 3 }), ["logs"]);
  for (const sync of [...healthy, suspect]) await sync.catchesUp();

  // Each time a worker holds some of what this stream brings, it dies.
  Object.assign(scenario.misbehaviour, {
    rowsPerBatch: 5,
    breaks: { after: 1, unit: "batches", how: "stall" },
  });
  (suspect.source as GeneratedSource).mine(20);
  for (let death = 1; death <= 4; death++) {
    await scenario.until(
      `the worker to hold data before death ${death}`,
      async () => {
        const { rows } = await scenario.db.query(
          `select l.holds from ampsync_private.lease l join ampsync_private.stream s using (stream_id)
          where s.target_schema = $1 and l.lease_until > ampsync_private.now()`,
          [suspect.schema],
        );
        return rows[0]?.["holds"] === true;
      },
      60_000,
    );
    await scenario.killWorker();
    scenario.startWorker(SLOTS);
    if (death === 3) {
      const seen = await suspect.until("it to be a suspect", ({ code }) => code === "SY108", 70_000);
      expect(seen).toMatchObject({
        state: "retrying",
        reason: expect.stringContaining("3 workers in a row died"),
      });
      await scenario.hurry();
    }
  }
  await suspect.until("it to wait longer", ({ code, attempts }) => code === "SY108" && attempts > 1, 70_000);

  scenario.misbehaviour.breaks = null;
  for (const sync of healthy) {
    (sync.source as GeneratedSource).mine(3);
  }
  for (const sync of healthy) {
    await sync.catchesUp();
    for (const table of sync.tables) {
      expect(await deaths(sync, table)).toBe(0);
      await scenario.until(
        `${table} of ${sync.schema} to be live`,
        async () => (await sync.stream(table))!.state === "live",
        50_000, // A question for the head that stalled, too, is given up after 30 s.
      );
    }
    await sync.expectSourceRows();
  }

  // What was wrong with it is gone: it goes on, and is no suspect any more.
  await scenario.hurry();
  await suspect.catchesUp();
  expect(await deaths(suspect, "logs")).toBe(0);
  await suspect.expectSourceRows();
}, 300_000);
