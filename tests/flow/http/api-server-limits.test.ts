import { expect, test } from "vitest";

import type { ApiServer } from "../../../src/devserver/http/api-server.ts";
import type { LimitFaults } from "../../../src/devserver/http/limits/limit-faults.ts";
import { startApiServer } from "../../support/http/api-server.ts";

const RATE = [{ requests: 5, perS: 60 }];

type Limits = Partial<LimitFaults>;

/** The headers of the first answer that tell the rate limit. */
async function told(limits: Limits, rate = RATE): Promise<Record<string, string>> {
  await using server = await startApiServer({ rate, faults: { limits } });
  const { headers } = await fetch(server.url);
  return Object.fromEntries([...headers].filter(([name]) => /rate-?limit/.test(name)));
}

/** The answers to so many requests, one after the other. */
async function answersOf(server: ApiServer, count: number): Promise<readonly Response[]> {
  const answers: Response[] = [];
  while (answers.length < count) answers.push(await fetch(server.url));
  return answers;
}

async function statuses(server: ApiServer, count: number): Promise<readonly number[]> {
  return (await answersOf(server, count)).map(({ status }) => status);
}

/** A reset about a minute from now, in the form that it stands in. */
const isDelta = expect.stringMatching(/^(59|60)$/);
const isEpoch = expect.stringMatching(/^\d{10}$/);

test.each<[NonNullable<LimitFaults["dialect"]>, Record<string, unknown>]>([
  ["none", {}],
  ["x-ratelimit", { "x-ratelimit-limit": "5", "x-ratelimit-remaining": "4", "x-ratelimit-reset": isEpoch }],
  [
    "x-ratelimit-delta",
    { "x-ratelimit-limit": "5", "x-ratelimit-remaining": "4", "x-ratelimit-reset": isDelta },
  ],
  ["x-ratelimit-ms", { "x-ratelimit-reset": expect.stringMatching(/^\d{10}000$/) }],
  ["x-ratelimit-iso", { "x-ratelimit-reset": expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) }],
  ["x-ratelimit-date", { "x-ratelimit-reset": expect.stringMatching(/GMT$/) }],
  [
    "x-rate-limit",
    { "x-rate-limit-limit": "5", "x-rate-limit-remaining": "4", "x-rate-limit-reset": isEpoch },
  ],
  ["draft-6", { "ratelimit-limit": "5", "ratelimit-remaining": "4", "ratelimit-reset": isDelta }],
  ["draft-7", { ratelimit: "limit=5, remaining=4, reset=60", "ratelimit-policy": "5;w=60" }],
  ["draft-8", { ratelimit: '"per60s";r=4;t=60', "ratelimit-policy": '"per60s";q=5;w=60' }],
  ["github", { "x-ratelimit-used": "1", "x-ratelimit-resource": "core", "x-ratelimit-reset": isEpoch }],
  [
    "gitlab",
    {
      "ratelimit-observed": "1",
      "ratelimit-reset": isEpoch,
      "ratelimit-resettime": expect.stringMatching(/GMT$/),
    },
  ],
  ["reddit", { "x-ratelimit-used": "1", "x-ratelimit-remaining": "4.0", "x-ratelimit-reset": isDelta }],
])("dialect %s tells limit, remaining and reset in its own words", async (dialect, expected) => {
  const headers = await told({ dialect });
  expect(headers).toMatchObject(expected);
  if (dialect === "none") expect(headers).toEqual({});
  if (dialect === "reddit") expect(headers).not.toHaveProperty("x-ratelimit-limit");
});

test("draft 8 tells all windows, the others the one that has the least left", async () => {
  const rate = [
    { requests: 100, perS: 60 },
    { requests: 7, perS: 3600 },
  ];
  expect((await told({ dialect: "draft-8" }, rate))["ratelimit"]).toBe(
    '"per3600s";r=6;t=3600, "per60s";r=99;t=60',
  );
  expect((await told({}, rate))["x-ratelimit-limit"]).toBe("7");
});

test.each<[LimitFaults["resets"], RegExp]>([
  ["exact", /^\d{1,2}\.\d{3}$/],
  ["up", /^60$/],
  ["cut", /^(59|60)$/],
])("resets that are %s", async (resets, expected) => {
  const limits: Limits = { dialect: "x-ratelimit-delta", resets };
  expect((await told(limits))["x-ratelimit-reset"]).toMatch(expected);
});

test("a reset that is cut to whole seconds lies before the end of the window, an exact one at it", async () => {
  await using server = await startApiServer({
    rate: [{ requests: 1, perS: 1 }],
    faults: { limits: { resets: "exact" } },
  });
  const begun = Date.now() / 1000;
  const exact = Number((await fetch(server.url)).headers.get("X-RateLimit-Reset"));
  server.faults.limits.resets = "cut";
  const cut = Number((await fetch(server.url)).headers.get("X-RateLimit-Reset"));
  expect(exact - begun).toBeGreaterThanOrEqual(0.999);
  expect(cut).toBe(Math.floor(exact));
});

test("windows turn by the clock, with a first request, or slide", async () => {
  const lengths = async (windows: LimitFaults["windows"]) => {
    const headers = await told({ dialect: "x-ratelimit", windows, resets: "exact" }, [
      { requests: 5, perS: 1000 },
    ]);
    return Number(headers["x-ratelimit-reset"]);
  };
  expect((await lengths("clock")) % 1000).toBe(0);
  expect(Math.abs((await lengths("first request")) - Date.now() / 1000 - 1000)).toBeLessThan(2);
  await using server = await startApiServer({
    rate: [{ requests: 2, perS: 1 }],
    faults: { limits: { windows: "sliding" } },
  });
  expect(await statuses(server, 3)).toEqual([200, 200, 429]);
  await expect.poll(async () => (await fetch(server.url)).status, { timeout: 2500 }).toBe(200);
  const allowed = server.requests.filter(({ limited }) => !limited).map(({ at }) => at);
  expect(allowed[2]! - allowed[0]!).toBeGreaterThan(990);
});

test("others use the quota too, all the time or at once", async () => {
  await using server = await startApiServer({ rate: [{ requests: 100, perS: 60 }] });
  await fetch(server.url);
  server.spend(50);
  const { headers } = await fetch(server.url);
  expect(headers.get("X-RateLimit-Remaining")).toBe("48");
  server.faults.limits.othersPerS = 100_000;
  expect(await statuses(server, 1)).toEqual([429]);
});

test("each n-th answer can lose its rate headers", async () => {
  await using server = await startApiServer({ rate: RATE, faults: { limits: { lostEvery: 2 } } });
  const answers = await answersOf(server, 4);
  expect(answers.map(({ headers }) => headers.has("X-RateLimit-Remaining"))).toEqual([
    true,
    false,
    true,
    false,
  ]);
});

test("a clock that is wrong shows in Date, in resets and in dates, not in windows", async () => {
  await using server = await startApiServer({ rate: [{ requests: 1, perS: 60 }] });
  Object.assign(server.faults.limits, { skewS: 3600, refusal: { retryAfter: "date" } } satisfies Limits);
  await fetch(server.url);
  const { headers, status } = await fetch(server.url);
  expect(status).toBe(429);
  const date = Date.parse(headers.get("Date")!);
  expect((date - Date.now()) / 1000).toBeGreaterThan(3590);
  expect(Number(headers.get("X-RateLimit-Reset")) - date / 1000).toBeLessThan(62);
  expect(Date.parse(headers.get("Retry-After")!) - date).toBeLessThan(62_000);
});

test.each<[LimitFaults["refusal"]["retryAfter"], RegExp | null]>([
  ["seconds", /^60$/],
  ["fraction", /^\d{2}\.\d{3}$/],
  ["list", /^59, 60$/],
  ["date", /GMT$/],
  ["word", /^soon$/],
  ["none", null],
])("Retry-After as %s", async (retryAfter = "none", expected) => {
  const limits: Limits = { refusal: { retryAfter } };
  await using server = await startApiServer({ rate: [{ requests: 1, perS: 60 }], faults: { limits } });
  await fetch(server.url);
  const value = (await fetch(server.url)).headers.get("Retry-After");
  expect(value).toEqual(expected === null ? null : expect.stringMatching(expected));
});

test("a limit can be told by other statuses, with the bodies that servers give", async () => {
  await using server = await startApiServer();
  server.faults.next = [
    { limited: { status: 503, retryAfter: "seconds", retryAfterS: 7 } },
    { limited: { status: 403, retryAfter: "none", text: "google" } },
    { limited: { status: 403, retryAfter: "none", text: "salesforce" } },
    { limited: { status: 400, retryAfter: "none", text: "facebook" } },
    { limited: { status: 403, retryAfter: "seconds", retryAfterS: 60, text: "github secondary" } },
  ];
  const answers = await answersOf(server, 5);
  expect(answers.map(({ status }) => status)).toEqual([503, 403, 403, 400, 403]);
  expect(answers.map(({ headers }) => headers.get("Retry-After"))).toEqual(["7", null, null, null, "60"]);
  const texts = await Promise.all(answers.map((answer) => answer.text()));
  const words = [
    /too many/,
    /userRateLimitExceeded/,
    /REQUEST_LIMIT_EXCEEDED/,
    /request limit reached/,
    /secondary rate/,
  ];
  for (const [index, word] of words.entries()) expect(texts[index]).toMatch(word);
});

test("a secondary limit refuses with budget left, and takes none", async () => {
  const secondary = { requests: 2, perS: 60, retryAfterS: 30 };
  await using server = await startApiServer({
    style: "github",
    rate: RATE,
    faults: { limits: { secondary } },
  });
  expect(await statuses(server, 2)).toEqual([200, 200]);
  const refused = await fetch(server.url);
  expect(refused.status).toBe(403);
  expect(refused.headers.get("X-RateLimit-Remaining")).toBe("3");
  expect(refused.headers.get("Retry-After")).toBe("30");
  expect(await refused.text()).toContain("secondary rate limit");
});

test("GitHub refuses with 403 and nothing remaining", async () => {
  await using server = await startApiServer({ style: "github", rate: [{ requests: 1, perS: 60 }] });
  expect(await statuses(server, 1)).toEqual([200]);
  const { status, headers } = await fetch(server.url);
  expect([status, headers.get("X-RateLimit-Remaining"), headers.get("Retry-After")]).toEqual([
    403,
    "0",
    null,
  ]);
});

test("answers come as late as the latency says, those that are refused too", async () => {
  await using server = await startApiServer({
    rate: [{ requests: 2, perS: 60 }],
    faults: { latencyMs: 100 },
  });
  const start = performance.now();
  const answers = await Promise.all(Array.from({ length: 3 }, () => fetch(server.url)));
  expect(performance.now() - start).toBeGreaterThan(95);
  expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 200, 429]);
});

test("requests beyond the most that are answered wait until more are", async () => {
  await using server = await startApiServer({ faults: { mostRequests: 1 } });
  const answers = Array.from({ length: 3 }, () => fetch(server.url));
  await Promise.race(answers);
  expect(server.requests).toHaveLength(1);
  server.faults.mostRequests = 3;
  expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 200]);
});
