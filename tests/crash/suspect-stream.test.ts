// Takes 41 s.
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

/** What is known of the worker that reads a stream, and of those before it. */
async function readers(sync: Sync, table: string) {
  const { rows } = await scenario.db.query(
    `select s.deaths, l.epoch::int, l.holds and l.lease_until > ampsync_private.now() as "isHolding"
       from ampsync_private.stream s join ampsync_private.lease l using (stream_id)
      where s.target_schema = $1 and s.table_name = $2`,
    [sync.schema, table],
  );
  return rows[0]!;
}

/** Kills workers that hold data of the stream until so many died in a row. */
async function dieUntil(sync: Sync, deaths: number): Promise<void> {
  while ((await readers(sync, "logs"))["deaths"] < deaths) {
    const isHolding = async () => (await readers(sync, "logs"))["isHolding"];
    await scenario.until(`a worker to hold data before death ${deaths}`, isHolding, 60_000);
    const { epoch } = await readers(sync, "logs");
    await scenario.killWorker();
    scenario.startWorker(SLOTS);
    // The death is not counted where the worker held the schema only, and had looked at it when it died.
    await scenario.until("the next worker to come by", async () => {
      const seen = await readers(sync, "logs");
      return seen["deaths"] === deaths || seen["epoch"] > epoch;
    });
  }
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
  await dieUntil(suspect, 3);
  expect(await suspect.until("it to be a suspect", ({ code }) => code === "SY108")).toMatchObject({
    state: "retrying",
    reason: expect.stringContaining("3 workers in a row died"),
  });
  await scenario.hurry();
  await dieUntil(suspect, 4);
  await suspect.until("it to wait longer", ({ code, attempts }) => code === "SY108" && attempts > 1);

  scenario.misbehaviour.breaks = null;
  scenario.server.disconnectAll(); // A question for the head that stalled, too, would be given up after 30 s only.
  for (const sync of healthy) {
    (sync.source as GeneratedSource).mine(3);
  }
  for (const sync of healthy) {
    await sync.catchesUp();
    for (const table of sync.tables) {
      expect((await readers(sync, table))["deaths"]).toBe(0);
      await scenario.until(
        `${table} of ${sync.schema} to be live`,
        async () => (await sync.stream(table))!.state === "live",
      );
    }
    await sync.expectSourceRows();
  }

  // What was wrong with it is gone: it goes on, and is no suspect any more.
  await scenario.hurry();
  await suspect.catchesUp();
  expect((await readers(suspect, "logs"))["deaths"]).toBe(0);
  await suspect.expectSourceRows();
}, 300_000);
