// Takes 130 s.
import { readFile } from "node:fs/promises";

import { expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { Scenario } from "../support/worker/scenario.ts";
import { ALL_SLOTS } from "../support/worker/worker-process.ts";

const BLOCKS = 5_000;
const PER_BLOCK = { blocks: 1, logs: 200, transactions: 67 };
/** Far above what a load takes: that no stream stood still in between is seen by what it says then. */
const DEADLINE_MS = 80_000;
/** Node.js itself, what streams and the process may hold encoded, and what arrives meanwhile. */
const MOST_MIB = 600;

/** The most memory that a process ever had, from Linux' own books; NaN elsewhere. */
async function peakMib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN) / 1024;
}

test.each<[string, Readonly<Record<string, string>>]>([
  ["with default settings", {}],
  ["with the smallest pool", { DB_POOL_SIZE: "3" }],
])("three large tables at once %s load without an interruption, in bounded memory", async (_, env) => {
  const source = new GeneratedSource({
    blocks: BLOCKS,
    logsPerBlock: PER_BLOCK.logs,
    transactionsPerBlock: PER_BLOCK.transactions,
  });
  await using scenario = await Scenario.start({ source, maxBlocksPerMicrobatch: BLOCKS }); // All of a table is one.
  const worker = scenario.startWorker({ env: { ...ALL_SLOTS, ...env } });
  const sync = await scenario.sync();
  await sync.reaches({ deadlineMs: DEADLINE_MS });

  expect(await scenario.events("stream_error")).toBe(0);
  expect(worker.hasSaid("SY104")).toBe(false);
  const { rows } = await scenario.db.query(
    "select table_name, rows::int from ampsync.streams order by table_name",
  );
  expect(Object.fromEntries(rows.map(({ table_name, rows }) => [table_name, rows]))).toEqual({
    blocks: BLOCKS * PER_BLOCK.blocks,
    logs: BLOCKS * PER_BLOCK.logs,
    transactions: BLOCKS * PER_BLOCK.transactions,
  });
  const peak = await peakMib(worker.pid);
  expect(Number.isNaN(peak) || peak < MOST_MIB).toBe(true);
});
