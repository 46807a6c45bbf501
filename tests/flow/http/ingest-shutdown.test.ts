// Takes 13 s.
import { describe, expect, test } from "vitest";

import { COMMIT_LIMITS, LAST_CALLS_MS, SHUTDOWN_MS } from "../../../src/model/limits.ts";
import { IngestRig } from "../../support/http/ingest-rig.ts";
import { waitFor } from "../../support/wait-for.ts";

const ANSWERS_MS = 200;
const LIMITS = { answersMs: ANSWERS_MS };
/** By then a pass is over, whatever the database does. */
const IN_ALL_MS = ANSWERS_MS + SHUTDOWN_MS + LAST_CALLS_MS;
/** A busy machine. */
const LATE_MS = 15_000;
const LIMITED = { limited: { status: 429, retryAfter: "seconds", retryAfterS: 30 } } as const;

/** How long the pass takes to be over, once it is told to stop. */
async function stopped(rig: IngestRig, pass: Promise<unknown>): Promise<number> {
  const since = performance.now();
  rig.stop();
  await pass.catch(() => {});
  return performance.now() - since;
}

test("H52 answers get 5 s, a commit 2 s more, and all of it stays below 10 s", () => {
  expect(COMMIT_LIMITS.answersMs).toBe(5_000);
  expect(SHUTDOWN_MS).toBe(2_000);
  expect(COMMIT_LIMITS.answersMs + SHUTDOWN_MS + LAST_CALLS_MS).toBeLessThan(10_000);
});

describe.concurrent("a pass that is told to stop while its database does not answer is over in time", () => {
  test("with a permit that is asked for", async () => {
    await using rig = await IngestRig.start({
      limits: LIMITS,
      faults: { reach: (point) => void (point === "target_prepared" && rig.proxy.stallAll()) },
    });
    const pass = rig.begin();
    await waitFor("the database to fall silent", () => rig.proxy.stalled.size > 0);
    expect(await stopped(rig, pass)).toBeLessThan(IN_ALL_MS + LATE_MS);
  });

  test("with a commit that hangs", async () => {
    await using rig = await IngestRig.start({
      limits: LIMITS,
      faults: { reach: (point) => void (point === "copy_begun" && rig.proxy.stallAll()) },
    });
    const pass = rig.begin();
    await waitFor("the database to fall silent", () => rig.proxy.stalled.size > 0);
    expect(await stopped(rig, pass)).toBeLessThan(IN_ALL_MS + LATE_MS);
  });

  test("with a cursor whose expiry cannot be noted", async () => {
    await using rig = await IngestRig.start({ limits: LIMITS, api: { records: 250 } });
    rig.scenario.api.faults.next.push(null, { status: 410 });
    const { api } = rig.scenario;
    api.faults.latencyMs = 100;
    const pass = rig.begin();
    await rig.scenario.until("the first commit", ({ records }) => records > 0);
    rig.proxy.stallAll();
    await waitFor("the second answer", () => rig.said().includes("cursor_expired"));
    expect(await stopped(rig, pass)).toBeLessThan(IN_ALL_MS + LATE_MS);
  });
});

test("what the last answer says of the limit is told, however late it comes", async () => {
  await using rig = await IngestRig.start({ limits: { answersMs: 20_000 } });
  const { api, db } = rig.scenario;
  api.faults.next.push({ ...LIMITED, lateMs: 1_500 });
  const pass = rig.begin();
  await waitFor("the request", () => api.requests.length === 1);
  rig.stop();
  await pass;
  const { rows } = await db.query(
    "select in_flight, blocked_until > ampsync_private.now() as blocked from ampsync_private.rate_limit",
  );
  expect(rows).toEqual([{ in_flight: 0, blocked: true }]);
});

describe("a pass that is told to stop gives its lease back at once", () => {
  const holder = async ({ scenario: { db } }: IngestRig) =>
    (await db.query("select holder from ampsync_private.lease")).rows[0]!["holder"];

  test("while it waits for a permit", async () => {
    await using rig = await IngestRig.start();
    rig.scenario.api.faults.next.push(LIMITED);
    const pass = rig.begin();
    await waitFor("the limit", () => rig.said().includes("rate_limited"));
    expect(await stopped(rig, pass)).toBeLessThan(LATE_MS);
    expect(await holder(rig)).toBeNull();
  });

  test("while it waits to ask again", async () => {
    await using rig = await IngestRig.start();
    rig.scenario.api.faults.each = { status: 500 };
    const pass = rig.begin();
    await waitFor(
      "the third failure",
      () => rig.said().filter((event) => event === "request_failed").length === 3,
    );
    expect(await stopped(rig, pass)).toBeLessThan(LATE_MS);
    expect(await holder(rig)).toBeNull();
  });
});
