// Takes 11 s.
import { expect, test } from "vitest";

import { IngestRig } from "../../support/http/ingest-rig.ts";
import { IngestScenario, SECRET } from "../../support/http/ingest-scenario.ts";
import { PemFiles as Files } from "../../support/tls/pem-files.ts";

const files = new Files();
const AUTH = { auth: { header: "X-API-Key", secret: "API_KEY" } };
const OLD = "0ld-key/of+the%API";
const wanted = (value: string) => [{ in: "header", name: "X-API-Key", value }] as const;

/** Secrets of this API are in a file. */
function withFile(name: string): Promise<IngestRig> {
  const path = files.write(name, `${OLD}\n`);
  return IngestRig.start({
    api: { records: 350, faults: { secrets: wanted(OLD) } },
    source: AUTH,
    env: { AMPSYNC_SECRET_API_KEY: "", AMPSYNC_SECRET_API_KEY_FILE: path },
  });
}

test("H49 a key that is replaced in mid-run costs one refusal: its file is read again, and the request repeated once", async () => {
  await using rig = await withFile("replaced.key");
  const { api } = rig.scenario;
  // The file is replaced while the request with the old key is under way.
  api.faults.next.push(null, { lateMs: 300 });
  const pass = rig.begin();
  await rig.scenario.until("the second request", () => api.requests.length === 2);
  api.faults.secrets = wanted(SECRET);
  api.faults.next.push({ status: 401, lateMs: 300 });
  await rig.scenario.until("the third request", () => api.requests.length === 3);
  files.write("replaced.key", SECRET);
  await pass;
  expect(await rig.scenario.source()).toMatchObject({ state: "complete", records: 350, attempts: 0 });
  expect(api.requests.map(({ status }) => status)).toEqual([200, 200, 401, 200, 200]);
  expect(api.requests.map(({ headers }) => headers["x-api-key"])).toEqual([OLD, OLD, OLD, SECRET, SECRET]);
});

test("H49 a refused key whose file did not change is shown as SY105, asked for once a pass, and used once it is replaced", async () => {
  await using rig = await withFile("refused.key");
  const { api } = rig.scenario;
  api.faults.secrets = wanted(SECRET);
  await rig.begin();
  expect(await rig.scenario.source()).toMatchObject({
    state: "retrying",
    code: "SY105",
    hint: expect.stringContaining("AMPSYNC_SECRET_API_KEY_FILE"),
  });
  expect(api.requests).toHaveLength(1);
  files.write("refused.key", SECRET);
  await rig.begin();
  expect(await rig.scenario.source()).toMatchObject({ state: "complete", records: 350 });
  for (const key of [OLD, SECRET]) expect(rig.log.some((line) => line.includes(key))).toBe(false);
});

test("H49 another new key that is refused too is SY105: the request is repeated once alone", async () => {
  await using rig = await withFile("twice.key");
  const { api } = rig.scenario;
  api.faults.secrets = wanted(SECRET);
  api.faults.each = { lateMs: 300 };
  const pass = rig.begin();
  await rig.scenario.until("the first request", () => api.requests.length === 1);
  files.write("twice.key", "another-that-is-wrong");
  await rig.scenario.until("the second request", () => api.requests.length === 2);
  files.write("twice.key", "yet-another");
  await pass;
  expect(await rig.scenario.source()).toMatchObject({ state: "retrying", code: "SY105" });
  expect(api.requests).toHaveLength(2);
});

test("H49 SY306 on one worker: the source goes on where the secret is", async () => {
  await using scenario = await IngestScenario.start({ records: 350, faults: { secrets: wanted(SECRET) } });
  await scenario.enqueue({ source: AUTH });
  const without = scenario.startWorker({ AMPSYNC_SECRET_API_KEY: "" });
  await scenario.until("the refusal", ({ code }) => code === "SY306");
  const { hint, retryIn } = await scenario.source();
  expect(hint).toContain("AMPSYNC_SECRET_API_KEY");
  expect(retryIn).toBeGreaterThan(50);
  expect(scenario.api.requests).toEqual([]);
  scenario.startWorker();
  await scenario.until("the worker that has the secret", async ({ state }) => {
    if (state === "retrying") await scenario.db.query("select ampsync.resume_sync('events')");
    return state === "complete";
  });
  await scenario.expectEqual();
  expect(without.hasEnded).toBe(false);
});
