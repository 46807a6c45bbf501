// Takes 31 s.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { LOCKS_HERE } from "../support/postgres/rivals.ts";
import { CASES, someCases } from "../support/some-cases.ts";
import { Scenario } from "../support/worker/scenario.ts";
import type { Sync } from "../support/worker/sync.ts";
import { Worker } from "../support/worker/worker.ts";
import { COMMANDS, environmentOf } from "../support/worker/worker-process.ts";

/** Takes a second; a busy machine takes longer. */
const IN_TIME_MS = 20_000;
/** A process id namespace of its own, as a container has; the nearest to one without a container engine. */
const AS_PID_1 = ["unshare", "--pid", "--fork", "--kill-child=SIGKILL"];
const canUnshare = spawnSync(AS_PID_1[0]!, [...AS_PID_1.slice(1), "true"]).status === 0;

/** Brings the worker to where it is to be told to stop; returns what lets the test go on afterwards. */
type Situation = (scenario: Scenario, source: GeneratedSource, sync: Sync) => Promise<() => Promise<void>>;

const idle: Situation = async () => async () => {};

const inCopy: Situation = async (scenario, source) => {
  // COPY waits for the table: its transaction is open, half of it is sent.
  const blocker = await scenario.db.client();
  await blocker.query("begin; lock table chain.logs in share mode");
  source.mine(3000);
  await scenario.until("a COPY that waits", async () => {
    const { rows } = await scenario.db.query(
      `select from ${LOCKS_HERE} where relation = 'chain.logs'::regclass and not granted`,
    );
    return rows.length === 1;
  });
  return async () => void (await blocker.query("rollback"));
};

const inBackOff: Situation = async (scenario, _, sync) => {
  scenario.misbehaviour.endAtHead = true;
  scenario.server.disconnectAll();
  await scenario.until("back-off", async () => (await sync.stream())!.state === "retrying");
  return async () => {
    scenario.misbehaviour.endAtHead = false;
  };
};

test.each<[string, Situation]>([
  ["idle", idle],
  ["in COPY", inCopy],
  ["in back-off", inBackOff],
])("SIGTERM %s: `ampsync worker` exits in time with code 0, and nothing is lost", async (_, situation) => {
  const source = new GeneratedSource({ blocks: 60 });
  await using scenario = await Scenario.start({ source });
  const { flightAddress, adminAddress } = scenario.server;
  await using worker = new Worker(
    { databaseUrl: scenario.db.url, flightAddress, adminAddress },
    COMMANDS["ampsync worker"],
  );
  const sync = await scenario.sync(["logs"]);
  await sync.reaches();
  const goOn = await situation(scenario, source, sync);
  worker.signal("SIGTERM");
  await scenario.until("the worker to end", async () => worker.hasEnded, IN_TIME_MS);
  expect(await worker.ended).toEqual({ code: 0, signal: null });
  expect(worker.hasSaid("shutdown_complete")).toBe(true);
  expect(await sync.stream()).toMatchObject({ holder: null, isLeased: false });

  await goOn();
  scenario.startWorker();
  source.mine(5);
  await sync.reaches();
  await sync.expectFreshLoad();
});

/** The process that is number 1 inside, by its number outside; null before there is one. */
function processInside({ pid }: ChildProcess): number | null {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return children === "" ? null : Number(children);
}

test.skipIf(!canUnshare).each(someCases(Object.entries(COMMANDS)))(
  `SIGTERM as process 1 of a process id namespace: "%s" exits in time, its leases given back (${CASES})`,
  async (_, program) => {
    const source = new GeneratedSource({ blocks: 60 });
    await using scenario = await Scenario.start({ source });
    const sync = await scenario.sync(["logs"]);
    const outer = spawn(AS_PID_1[0]!, [...AS_PID_1.slice(1), process.execPath, ...program], {
      stdio: "ignore",
      env: environmentOf({ databaseUrl: scenario.db.url, ...scenario.server }),
    });
    try {
      await sync.reaches();
      process.kill(processInside(outer)!, "SIGTERM");
      await scenario.until("process 1 to end", async () => outer.exitCode !== null, IN_TIME_MS);
      expect(await sync.stream()).toMatchObject({ holder: null, isLeased: false });
    } finally {
      if (outer.exitCode === null) {
        const ended = once(outer, "exit");
        outer.kill("SIGKILL");
        await ended;
      }
    }
  },
);
