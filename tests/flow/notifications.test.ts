import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { waitFor } from "../support/wait-for.ts";
import { sharedScenario } from "../support/worker/shared-scenario.ts";

interface Told {
  readonly kind: string;
  readonly dataset: string;
  readonly table: string;
  readonly block: number;
  readonly from_block?: number;
}

const scenario = sharedScenario();
let listener: Awaited<ReturnType<typeof scenario.db.client>>;
let told: Told[];

beforeAll(async () => {
  listener = await scenario.db.client();
  listener.on("notification", ({ payload }) => told.push(JSON.parse(payload ?? "")));
  await listener.query("listen ampsync");
});
beforeEach(() => {
  told = [];
});
afterAll(() => listener.query("unlisten ampsync"));

test("who listens is told of the commits of each table, and of a reorg with its first block", async () => {
  const source = new GeneratedSource({ blocks: 20, logsPerBlock: 2 });
  const sync = await scenario.follow(source, ["blocks", "logs"]);
  await sync.catchesUp();
  for (const table of ["blocks", "logs"]) {
    await waitFor(`block 19 of ${table} to be told`, () =>
      told.some((each) => each.table === table && each.block === 19),
    );
  }
  expect(new Set(told.map(({ kind, dataset }) => `${kind} ${dataset}`))).toEqual(
    new Set([`commit ${sync.label}`]),
  );

  told = [];
  source.reorg(3);
  source.mine(1);
  await sync.catchesUp();
  for (const table of ["blocks", "logs"]) {
    await waitFor(`the reorg of ${table} to be told`, () =>
      told.some((each) => each.kind === "reorg" && each.table === table && (each.from_block ?? 99) <= 17),
    );
  }
});
