// Takes 25 s.
import { setTimeout as sleep } from "node:timers/promises";

import { expect, test } from "vitest";

import type { FaultPoint } from "../../../src/fault-points.ts";
import { IngestRig } from "../../support/http/ingest-rig.ts";

test("a permit that could not be used at once is handed back, and its request is sent with another", async () => {
  const late = new Set<FaultPoint>(["permit_taken"]);
  await using rig = await IngestRig.start({
    api: { records: 150 },
    faults: { reach: async (point) => void (late.delete(point) && (await sleep(150))) },
  });
  const pass = rig.begin();
  await rig.scenario.complete();
  await pass;
  expect(rig.scenario.api.requests).toHaveLength(2);
  const { rows } = await rig.scenario.db.query("select sent::int, in_flight from ampsync_private.rate_limit");
  expect(rows).toEqual([{ sent: 2, in_flight: 0 }]);
});

test("where every permit is late, as with a slow disk of the database, requests are sent all the same", async () => {
  await using rig = await IngestRig.start({
    api: { records: 250 },
    faults: { reach: async (point) => void (point === "permit_taken" && (await sleep(150))) },
  });
  await rig.begin();
  expect(await rig.scenario.source()).toMatchObject({ state: "complete", records: 250 });
  expect(rig.scenario.api.requests).toHaveLength(3);
});

test("what requests fail with is shown while the pass tries again, and no more once a page is committed", async () => {
  await using rig = await IngestRig.start({ api: { records: 250 } });
  const { scenario } = rig;
  scenario.api.faults.each = { status: 503, text: "down for maintenance" };
  const pass = rig.begin();
  await scenario.until("the failure to be shown", ({ state }) => state === "retrying");
  expect(await scenario.source()).toMatchObject({
    attempts: 0,
    code: "SY104",
    detail: "HTTP 503: down for maintenance Asked again after 2 s and 4 s; then the source rests for longer.",
  });
  scenario.api.faults.each = {};
  await pass;
  expect(await scenario.source()).toMatchObject({ state: "complete", code: null, records: 250 });
  expect(await scenario.events("stream_error")).toBe(1);
});

test("a failure that is over at the next try writes nothing", async () => {
  await using rig = await IngestRig.start({ api: { records: 250 } });
  rig.scenario.api.faults.next.push(null, { status: 503 }, null, { body: "not json" });
  await rig.begin();
  expect(rig.said().filter((event) => event === "request_failed")).toHaveLength(2);
  expect(await rig.scenario.source()).toMatchObject({ state: "complete", records: 250 });
  expect(await rig.scenario.events("stream_error")).toBe(0);
});

test.each([
  ["is not shown", [{ status: 503 }, { status: 503 }], 0],
  ["is shown once nothing is committed any more", [{ status: 503 }, { status: 503 }, { status: 503 }], 1],
])("a failure that lasts while pages are committed %s", async (_, troubles, shown) => {
  const [failed, committed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let answers = 0;
  await using rig = await IngestRig.start({
    api: { records: 250, faults: { next: [null, ...troubles] } },
    faults: {
      reach: async (point) => {
        if (point === "copy_begun") await failed.promise;
        if (point === "answer_received" && ++answers === 3) await committed.promise;
      },
    },
  });
  const { scenario } = rig;
  const pass = rig.begin();
  await scenario.until("the first failure", () => rig.said().includes("request_failed"));
  failed.resolve();
  await scenario.until("the commit", ({ records }) => records > 0);
  committed.resolve();
  if (shown === 0) {
    await pass;
    expect(await scenario.source()).toMatchObject({ state: "complete", records: 250 });
  } else {
    await scenario.until("the failure to be shown", ({ state }) => state === "retrying");
  }
  expect(await scenario.events("stream_error")).toBe(shown);
});

test("H55 a pass that gives its slot away waits for the answer under way: no page is asked for twice", async () => {
  await using rig = await IngestRig.start({
    api: { records: 350, faults: { each: { lateMs: 400 } } },
    ...{ beatMs: 50, limits: { minPassMs: 0 } },
  });
  let passes = 0;
  do {
    await rig.begin();
    passes++;
  } while ((await rig.scenario.source()).state !== "complete");
  expect(passes).toBeGreaterThan(1);
  expect(rig.scenario.api.requests).toHaveLength(4);
  await rig.scenario.expectEqual();
});

test.each([
  ["waits for the answer under way", { answersMs: 20_000 }, 400, 4],
  ["does not wait for longer than that is worth, and asks again", { answersMs: 50 }, 60_000, 5],
] as const)("H55 a pass that is told to stop %s", async (_, limits, lateMs, requests) => {
  await using rig = await IngestRig.start({ api: { records: 350 }, limits });
  const { api } = rig.scenario;
  api.faults.next.push(null, { lateMs });
  const pass = rig.begin();
  await rig.scenario.until("the second request", () => api.requests.length === 2);
  rig.stop();
  await pass;
  await rig.begin();
  expect(await rig.scenario.source()).toMatchObject({ state: "complete", records: 350, duplicates: 0 });
  expect(api.requests).toHaveLength(requests);
});
