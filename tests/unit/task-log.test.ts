import type { JobHelpers, Task } from "graphile-worker";
import type pg from "pg";
import { expect, test } from "vitest";

import { Caller } from "../../src/db/caller.ts";
import { NO_FAULTS } from "../../src/fault-points.ts";
import { createLog } from "../../src/log.ts";
import { swapResync } from "../../src/tasks/ampsync_swap.ts";
import { upgradeDataset } from "../../src/tasks/ampsync_upgrade.ts";

interface World {
  /** What calls answer, by a part of their text; an error is thrown. */
  readonly answers: Readonly<Record<string, Readonly<Record<string, unknown>> | Error>>;
}

/** The lines that a task writes. */
async function linesOf(
  task: (deps: { caller: Caller; log: ReturnType<typeof createLog>; faults: typeof NO_FAULTS }) => Task,
  payload: object,
  { answers }: World,
): Promise<Record<string, unknown>[]> {
  const lines: Record<string, unknown>[] = [];
  const caller = new Caller(async ({ text }) => {
    const [, answer = {}] = Object.entries(answers).find(([part]) => text.includes(part)) ?? [];
    if (answer instanceof Error) throw answer;
    const result = { rows: [answer] };
    // Of a call in a transaction, each statement has a result.
    return (text.startsWith("begin") ? [null, null, result, null] : result) as unknown as pg.QueryResult;
  });
  const log = createLog("debug", (line) => lines.push(JSON.parse(line)));
  await task({ caller, log, faults: NO_FAULTS })(payload, {} as JobHelpers);
  return lines;
}

const BROKEN = Object.assign(new Error("it broke"), { code: "55P03" });
const STREAM = { stream_id: "8", dataset: "eth", table: "logs" };
const DATASET = { dataset_id: "3", dataset: "eth" };
const NAMED = { name_stream: { dataset: "eth", table: "logs" }, name_dataset: { dataset: "eth" } };
const UNNAMED = { name_stream: BROKEN, name_dataset: BROKEN };

test.each([
  ["that is done", { swapped: true }, { event: "resynced" }],
  ["that is not due", { swapped: false }, { event: "swap_not_due" }],
  ["that fails", BROKEN, { event: "swap_failed", code: "55P03", error: "it broke" }],
])("a swap %s is told with dataset and table", async (_, answer, line) => {
  const lines = await linesOf(swapResync, { stream_id: "8" }, { answers: { ...NAMED, swap_resync: answer } });
  expect(lines).toMatchObject([{ ...STREAM, target: "ampsync::stream", ...line }]);
});

test.each([
  [
    "whose indexes are made",
    { build_indexes: { answer: 2 } },
    [{ event: "upgrade_indexes", built: 2, ...DATASET }],
  ],
  [
    "that is swapped",
    { build_indexes: { answer: 0 }, advance_upgrade: { answer: "swap" } },
    [{ event: "upgrade_step", step: "swap", ...DATASET }],
  ],
  [
    "that fails",
    { build_indexes: BROKEN },
    [{ event: "upgrade_failed", code: "55P03", error: "it broke", ...DATASET }],
  ],
])("an upgrade %s is told with its dataset", async (_, answers, expected) => {
  const lines = await linesOf(upgradeDataset, { dataset_id: "3" }, { answers: { ...NAMED, ...answers } });
  expect(lines).toMatchObject(expected);
});

test("what cannot be named is told by its id, and done all the same", async () => {
  const swapped = await linesOf(
    swapResync,
    { stream_id: "8" },
    { answers: { ...UNNAMED, swap_resync: { swapped: true } } },
  );
  expect(swapped).toMatchObject([{ event: "resynced", stream_id: "8" }]);
  const upgraded = await linesOf(
    upgradeDataset,
    { dataset_id: "3" },
    { answers: { ...UNNAMED, build_indexes: { answer: 1 } } },
  );
  expect(upgraded).toMatchObject([{ event: "upgrade_indexes", dataset_id: "3" }]);
});
