import { expect, test } from "vitest";

import type { ReadinessRow } from "../../src/db/health-reads.ts";
import { AmpsyncError } from "../../src/errors.ts";
import { Readiness } from "../../src/health/readiness.ts";
import { createLog } from "../../src/log.ts";

const LIVE: ReadinessRow = {
  dataset: "chain",
  table_name: "logs",
  ready: true,
  reason: null,
  state: "live",
  block: 9_007_199_254_740_993n,
  age_s: 1.6,
  error_code: null,
};
const FAILED: ReadinessRow = {
  ...LIVE,
  table_name: "blocks",
  ready: false,
  reason: "it has failed",
  state: "failed",
};
const NEVER = new Promise<never>(() => {});
const well = { silentMs: 0 };

class Rig {
  rows: Promise<readonly ReadinessRow[]> = Promise.resolve([LIVE]);
  reads = 0;
  readonly logged: string[] = [];
  readonly readiness: Readiness;

  constructor(times: { cacheMs?: number; answerMs?: number } = {}) {
    this.readiness = new Readiness({
      read: () => {
        this.reads++;
        return this.rows;
      },
      log: createLog("info", (line) => this.logged.push(JSON.parse(line).event)),
      cacheMs: 0,
      answerMs: 1_000,
      ...times,
    });
  }
}

test("a worker whose tables are ready is ready, and block numbers keep all their digits", async () => {
  const { readiness } = new Rig();
  readiness.began(well);
  expect(await readiness.look()).toEqual({
    ready: true,
    reason: null,
    hint: null,
    tables: [
      {
        dataset: "chain",
        table: "logs",
        ready: true,
        reason: null,
        state: "live",
        block: "9007199254740993",
        age_s: 2,
        error_code: null,
      },
    ],
  });
});

test("one table that is not ready is enough", async () => {
  const rig = new Rig();
  rig.rows = Promise.resolve([FAILED, LIVE]);
  rig.readiness.began(well);
  expect(await rig.readiness.look()).toMatchObject({
    ready: false,
    reason: "1 of 2 tables and datasets are not ready",
    hint: "select * from ampsync.readiness where not ready;",
    tables: [{ table: "blocks", reason: "it has failed" }, { table: "logs" }],
  });
});

test("a worker that has not begun, stops, or cannot send heartbeats is not ready", async () => {
  const { readiness } = new Rig();
  expect(await readiness.look()).toMatchObject({ ready: false, reason: "the worker has not begun" });
  readiness.began({ silentMs: 61_000 });
  expect(await readiness.look()).toMatchObject({
    ready: false,
    reason: "the heartbeat of this worker has failed for 61 s",
  });
  readiness.stopping();
  expect(await readiness.look()).toMatchObject({ ready: false, reason: "the worker stops" });
});

test("a database that fails is told without what it said", async () => {
  const rig = new Rig();
  rig.readiness.began(well);
  rig.rows = Promise.reject(new Error("connect ECONNREFUSED 10.1.2.3:5432"));
  expect(await rig.readiness.look()).toEqual({
    ready: false,
    reason: "the database does not answer",
    hint: "ampsync doctor",
    tables: [],
  });
  rig.rows = Promise.reject(new AmpsyncError("SY901", "database schema and code do not match"));
  expect(await rig.readiness.look()).toMatchObject({ ready: false, hint: "ampsync migrate" });
});

test.each([
  ["28P01", "the database does not let this worker in"],
  ["42501", "the role of this worker lacks a right"],
  ["57P03", "the database does not answer"],
  ["57014", "the database does not answer"],
  ["53300", "the database does not answer"],
  ["XX000", "the database cannot be asked: error XX000"],
  ["SELF_SIGNED_CERT_IN_CHAIN", "the database and this worker do not accept each other's TLS"],
])("a database that answers with %s is told by the kind of the error", async (code, reason) => {
  const rig = new Rig();
  rig.rows = Promise.reject(Object.assign(new Error("user me of 10.1.2.3"), { code }));
  expect(await rig.readiness.look()).toEqual({ ready: false, reason, hint: "ampsync doctor", tables: [] });
});

test("a database that says nothing is waited for no longer than it may take, and asked only once", async () => {
  const rig = new Rig({ answerMs: 20 });
  rig.readiness.began(well);
  rig.rows = NEVER;
  const answers = await Promise.all([rig.readiness.look(), rig.readiness.look()]);
  expect(answers.map(({ reason }) => reason)).toEqual([
    "the database does not answer",
    "the database does not answer",
  ]);
  await rig.readiness.look();
  expect(rig.reads).toBe(1);
});

test("many who ask cost one question, and an error is not kept", async () => {
  const rig = new Rig({ cacheMs: 60_000 });
  rig.readiness.began(well);
  rig.rows = Promise.reject(new Error("not now"));
  expect((await rig.readiness.look()).ready).toBe(false);
  rig.rows = Promise.resolve([LIVE]);
  for (let ask = 0; ask < 5; ask++) expect((await rig.readiness.look()).ready).toBe(true);
  expect(rig.reads).toBe(2);
});

test("the log says when it changes, and only then", async () => {
  const rig = new Rig();
  rig.readiness.began(well);
  await rig.readiness.look();
  await rig.readiness.look();
  rig.rows = Promise.resolve([FAILED]);
  await rig.readiness.look();
  await rig.readiness.look();
  rig.rows = Promise.resolve([LIVE]);
  await rig.readiness.look();
  expect(rig.logged).toEqual(["ready", "not_ready", "ready"]);
});
