// Takes 34 s.
import { expect, test } from "vitest";

import { startApiServer } from "../../support/http/api-server.ts";
import { IngestScenario, SECRET } from "../../support/http/ingest-scenario.ts";

const IN_HEADER = [{ in: "header", name: "X-API-Key", value: SECRET }] as const;
const AUTH = { header: "X-API-Key", secret: "API_KEY" };

test("a redirect is followed with a permit of its own, and takes the secret along to the same origin alone", async () => {
  await using scenario = await IngestScenario.start({ records: 150, faults: { secrets: IN_HEADER } });
  await using other = await startApiServer({ records: 150 });
  const { api } = scenario;
  api.faults.next.push({ redirect: { to: "/api/v1/events?limit=100" } }, null, {
    redirect: { to: `${other.url}?limit=100&cursor=x` },
  });
  await scenario.enqueue({ source: { auth: AUTH } });
  const hosts = [api, other].map(({ origin }) => `http://${new URL(origin).host}=API_KEY`);
  scenario.startWorker({ AMPSYNC_HTTP_ALLOW: hosts.join(",") });
  await scenario.until("the other host", () => other.requests.length > 0);
  expect(api.requests.slice(0, 2).map(({ headers }) => headers["x-api-key"])).toEqual([SECRET, SECRET]);
  for (const { headers } of other.requests) expect(headers["x-api-key"]).toBeUndefined();
  const { rows } = await scenario.db.query("select sent::int from ampsync.rate_limits");
  expect(rows[0]!["sent"]).toBeGreaterThanOrEqual(4);
});

test("a redirect to a host that is not listed is not followed", async () => {
  await using scenario = await IngestScenario.start({ records: 150 });
  await using other = await startApiServer({ records: 1 });
  scenario.api.faults.each = { redirect: { to: other.url } };
  await scenario.enqueue();
  scenario.startWorker();
  await scenario.until("the refusal", ({ code }) => code === "SY305");
  expect(other.requests).toEqual([]);
});

test("a secret in the query is sent there, and stored and told nowhere, even where links echo it", async () => {
  const secrets = [{ in: "query", name: "key", value: SECRET }] as const;
  await using scenario = await IngestScenario.start({
    style: "jsonapi",
    records: 350,
    faults: { secrets, pages: { linkEchoesSecret: true } },
  });
  await scenario.enqueue({ source: { auth: { query: "key", secret: "API_KEY" } } });
  const worker = scenario.startWorker({ AMP_LOG: "debug" });
  await scenario.complete();
  expect((await scenario.source()).rows).toBe(350);
  const forms = [SECRET, encodeURIComponent(SECRET)];
  const { rows } = await scenario.db.query(
    "select p::text as text from ampsync_private.part p union all select e::text from ampsync.events e",
  );
  for (const form of forms) {
    expect(worker.hasSaid(form)).toBe(false);
    expect(rows.some(({ text }) => text.includes(form))).toBe(false);
  }
});

test("a secret that was replaced is read again when the API refuses the old one", async () => {
  await using scenario = await IngestScenario.start({ records: 250, faults: { secrets: IN_HEADER } });
  await scenario.enqueue({ source: { auth: AUTH } });
  scenario.startWorker({ AMPSYNC_SECRET_API_KEY: "old" });
  await scenario.until("the refusal", ({ code }) => code === "SY105");
  const { hint, detail } = await scenario.source();
  expect(hint).toContain("AMPSYNC_SECRET_API_KEY");
  expect(detail).not.toContain('old"');
  await scenario.worker.kill();
  await scenario.expireLeases();
  scenario.startWorker();
  await scenario.complete();
});

test("windows of a range are read at once, as many as there are slots, and all of it is here", async () => {
  await using scenario = await IngestScenario.start({
    style: "offset",
    records: 450,
    faults: { latencyMs: 200 },
  });
  const range = {
    ...{ field: "/updated_at", since: "updated_since", until: "updated_until", format: "iso" },
    ...{ from: "2024-01-01T00:00:00Z", step: "60 days" },
  };
  await scenario.enqueue({ source: { range, on_conflict: { newest: "updated_at" } } });
  scenario.startWorker();
  await scenario.complete();
  expect(await scenario.source()).toMatchObject({ rows: 450, duplicates: 0 });
  const times = scenario.api.requests.map(({ at }) => at);
  const together = times.map((at) => times.filter((other) => other >= at && other < at + 150).length);
  expect(Math.max(...together)).toBeGreaterThanOrEqual(3);
  expect(Math.max(...together)).toBeLessThanOrEqual(10);
});

test("a window that the server is slow with holds up none of those that are not open yet", async () => {
  await using scenario = await IngestScenario.start({ style: "offset", records: 450 });
  const range = {
    ...{ field: "/updated_at", since: "updated_since", until: "updated_until", format: "iso" },
    ...{ from: "2024-01-01T00:00:00Z", step: "7 days" },
  };
  scenario.api.faults.next.push({ breaks: { at: 0, how: "stall" } });
  await scenario.enqueue({ source: { range, on_conflict: { newest: "updated_at" }, timeout: 300 } });
  scenario.startWorker();
  await scenario.until("windows beyond the first hundred", async () => {
    const { rows } = await scenario.db.query(
      "select bool_and(done) filter (where part_no > 0) as others, max(part_no)::int > 120 as many, bool_or(not done) filter (where part_no = 0) as first from ampsync_private.part",
    );
    return rows[0]!["others"] && rows[0]!["many"] && rows[0]!["first"];
  });
});
