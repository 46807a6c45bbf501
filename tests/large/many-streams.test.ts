// Takes 221 s.
import { readFile } from "node:fs/promises";

import { describe, expect, test } from "vitest";

import { ManyTablesSource } from "../support/chain/many-tables-source.ts";
import { Scenario } from "../support/worker/scenario.ts";
import { ALL_SLOTS } from "../support/worker/worker-process.ts";

/** The most memory that a process ever had, from Linux' own books; NaN elsewhere. */
async function peakMib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN) / 1024;
}

/** How many streams have this state and checkpoint. */
async function countOf(scenario: Scenario, state: string, block: bigint): Promise<number> {
  const { rows } = await scenario.db.query(
    "select count(*)::int as count from ampsync.streams where state = $1 and block = $2",
    [state, block],
  );
  return rows[0]!["count"];
}

async function allAtHead(scenario: Scenario, source: ManyTablesSource): Promise<void> {
  const head = source.chain.head()!.number;
  const all = source.tables.size;
  await scenario.until(
    `all to stand at block ${head}`,
    async () => (await countOf(scenario, "live", head)) === all,
    90_000,
  );
}

test("one worker of default settings follows 200 tables, with few connections and little memory", async () => {
  const source = new ManyTablesSource(200, { blocks: 500, logsPerBlock: 10 });
  await using scenario = await Scenario.start({ source });
  const worker = scenario.startWorker({ env: ALL_SLOTS });
  await scenario.sync();
  await allAtHead(scenario, source);
  for (let block = 0; block < 20; block++) {
    source.mine();
    await allAtHead(scenario, source);
  }
  const { rows } = await scenario.db.query(
    "select slots, slots_used::int, streams::int from ampsync.workers",
  );
  expect(rows).toEqual([{ slots: 200, slots_used: 200, streams: 200 }]);
  const { rows: sessions } = await scenario.db.query(
    `select count(*)::int as count from pg_stat_activity
      where datname = current_database() and application_name in ('ampsync worker', 'ampsync heartbeat', 'ampsync queue')`,
  );
  expect(sessions[0]!["count"]).toBeLessThanOrEqual(20);
  expect(await scenario.events("stream_error")).toBe(0);
  expect(worker.hasSaid("db_connection_retry")).toBe(false);
  // A guard, not the measure (docs/performance.md): when a collection runs is up to how busy the machine is.
  const mib = await peakMib(worker.pid);
  if (!Number.isNaN(mib)) expect(mib).toBeLessThan(700);
});

test("40 tables of 5,000 rows load side by side, and more streams than slots by turns", async () => {
  const source = new ManyTablesSource(40, { blocks: 500, logsPerBlock: 10 });
  await using scenario = await Scenario.start({ source });
  scenario.startWorker({ env: { AMPSYNC_STREAMS_PER_WORKER: "15" } });
  await scenario.sync();
  let hasWaited = false;
  await scenario.until(
    "all tables to load, though some have to wait",
    async () => {
      const { rows } = await scenario.db.query("select block, reason from ampsync.streams");
      hasWaited ||= rows.some((row) => String(row["reason"]).startsWith("waits for a slot, behind "));
      return rows.length === 40 && rows.every((row) => row["block"] === "499");
    },
    90_000,
  );
  expect(hasWaited).toBe(true);
});

describe("a server behind a proxy that takes few requests on a connection, and is silent beyond", () => {
  test("30: one worker follows 100 tables over it", async () => {
    const source = new ManyTablesSource(100, { blocks: 20, logsPerBlock: 1 });
    await using scenario = await Scenario.start({ source, maxRequestsPerConnection: 30 });
    scenario.startWorker({ env: ALL_SLOTS });
    await scenario.sync();
    await allAtHead(scenario, source);
    source.mine(3);
    await allAtHead(scenario, source);
    expect(scenario.server.openStreams).toBe(100);
    expect(await scenario.events("stream_error")).toBe(0);
  });

  test("none: each stream says so", async () => {
    const source = new ManyTablesSource(3, { blocks: 20 });
    await using scenario = await Scenario.start({ source, maxRequestsPerConnection: 0 });
    scenario.startWorker({ env: ALL_SLOTS });
    await scenario.sync();
    await scenario.until(
      "all to say why nothing comes",
      async () => {
        const { rows } = await scenario.db.query("select state, error_code, detail from ampsync.streams");
        return (
          rows.length === 3 &&
          rows.every(
            ({ state, error_code, detail }) =>
              state === "retrying" &&
              error_code === "SY104" &&
              String(detail).includes("takes no more requests on a connection"),
          )
        );
      },
      60_000,
    );
  });
});
