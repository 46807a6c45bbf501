// Takes 10 s.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { letTimePass } from "../support/postgres/clock.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { Scenario } from "../support/worker/scenario.ts";

const FAILURES = 10;
/** What is waited before try number n, in seconds, give or take a fifth. */
const DELAYS = [1, 2, 4, 8, 16, 30, 60, 60];

let scenario: Scenario;
/** Between the worker and the Flight server. */
let proxy: TcpProxy;
let folder: string;
let tokenFile: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ampsync-token-"));
  tokenFile = join(folder, "token");
  await writeFile(tokenFile, "first\n");
  scenario = await Scenario.start();
  const { flightAddress } = scenario.server;
  proxy = await TcpProxy.toHttp(flightAddress);
  scenario.startWorker({ flightAddress: proxy.url(flightAddress), env: { AMP_AUTH_TOKEN_FILE: tokenFile } });
});
afterEach(() => scenario.reset());
afterAll(async () => {
  await scenario[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

function chainOf(blocks: number) {
  return new GeneratedSource({ blocks, logsPerBlock: 5 });
}

test("a stream that ends cleanly at once, for ever, is retried with growing delays", async () => {
  scenario.misbehaviour.endAtHead = true;
  const source = chainOf(20);
  let asked = performance.now();
  const sync = await scenario.follow(source);
  await sync.catchesUp();
  // The first delays are short: on a busy machine one may be over before anybody looks.
  for (let ends = 0; ends < DELAYS.length; ) {
    const { retryIn, code, attempts } = await sync.until(`more than ${ends} ends`, (stream) => {
      return stream.state === "retrying" && stream.attempts > ends;
    });
    const delay = DELAYS[attempts - 1] ?? 60;
    expect(code).toBe("SY104");
    expect(retryIn).toBeLessThanOrEqual(1.2 * delay);
    // It began after the pass was asked for, and some of it has passed.
    expect(retryIn! + (performance.now() - asked) / 1000).toBeGreaterThanOrEqual(0.8 * delay);
    ends = attempts;
    asked = performance.now();
    if (ends < DELAYS.length) await scenario.hurry();
  }
  const { rows } = await scenario.db.query(
    `select j.run_at > clock_timestamp() + interval '30 s' as "isLater" from graphile_worker.jobs j
       join ampsync.streams s on j.key = 'ampsync_stream:' || s.stream_id and s.target like $1`,
    [`${sync.schema}.%`],
  );
  expect(rows).toEqual([{ isLater: true }]); // Not tried before: nothing else starts a pass.

  source.mine(3);
  await sync.catchesUp();
  await sync.expectSourceRows();
});

test("a token that expired is refused visibly, and the next one is taken up without a restart", async () => {
  scenario.misbehaviour.token = "first";
  const source = chainOf(20);
  const sync = await scenario.follow(source);
  await sync.catchesUp();
  scenario.misbehaviour.token = "second";
  scenario.server.disconnectAll();
  source.mine();
  const { reason, detail, hint } = await sync.until("the refusal", async ({ code }) => {
    await scenario.hurry();
    return code === "SY105";
  });
  expect(hint).toContain("AMP_AUTH_TOKEN_FILE");
  expect(`${reason} ${detail}`).not.toContain("first");
  await writeFile(tokenFile, "second\n");
  await sync.catchesUp();
  await sync.expectSourceRows();
});

test("a stream goes on without help after the Flight server was down for hours", async () => {
  const source = chainOf(20);
  const sync = await scenario.follow(source);
  await sync.catchesUp();
  proxy.refuses = true;
  proxy.cutAll();
  for (let hour = 1; hour <= 6; hour++) {
    await sync.until(`failure ${hour}`, ({ state, attempts }) => state === "retrying" && attempts >= hour);
    await letTimePass(scenario.db, "1 hour");
    await scenario.hurry(); // graphile-worker goes by the real clock.
  }
  source.mine(5);
  source.reorg(8, 12);
  proxy.refuses = false;
  await sync.catchesUp();
  await sync.until("a healthy stream", ({ state, attempts }) => state === "live" && attempts === 0);
  await sync.expectSourceRows();
});

test(`${FAILURES} unrelated failures over months are each forgotten with the next commit`, async () => {
  const source = chainOf(1);
  const sync = await scenario.follow(source);
  await sync.catchesUp();
  for (let failure = 1; failure <= FAILURES; failure++) {
    proxy.cutAll();
    source.mine();
    await sync.catchesUp();
    await letTimePass(scenario.db, "1 day");
  }
  expect(await sync.stream()).toMatchObject({ block: FAILURES, attempts: 0 });
  await sync.expectSourceRows();
});
