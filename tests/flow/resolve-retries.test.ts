import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import type { JobHelpers } from "graphile-worker";
import { afterEach, beforeEach, expect, test } from "vitest";

import { parseConfig } from "../../src/config.ts";
import type { Deps } from "../../src/deps.ts";
import { createDeps } from "../../src/runtime.ts";
import { resolveDataset } from "../../src/tasks/ampsync_resolve.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";

type Answer = readonly [status: number, body: unknown];

const LIST: Answer = [200, { versions: [{ version: "1.0.0", manifest_hash: "ab".repeat(32) }] }];
const DETAIL: Answer = [200, { revision: "1.0.0", manifest_hash: "ab".repeat(32), tables: ["logs"] }];
const EMPTY: Answer = [200, { versions: [] }];
const MISSING: Answer = [404, { error_code: "DATASET_NOT_FOUND", error_message: "Dataset not found" }];

const db = sharedDatabase();
let server: Server;
let deps: Deps;
/** What the Admin API says to the requests to come; the last one to all others. */
let answers: Answer[];
let datasets = 0;

beforeEach(async () => {
  server = createServer((_, response) => {
    const [status, body] = (answers.length > 1 ? answers.shift() : answers[0])!;
    response.writeHead(status).end(JSON.stringify(body));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  deps = await depsWith(`http://127.0.0.1:${(server.address() as AddressInfo).port}`); // It listens on TCP.
});
afterEach(async () => {
  await deps.close();
  server.close();
});

function depsWith(adminAddress: string): Promise<Deps> {
  const env = { DATABASE_URL: db.url, AMP_ADMIN_API_ADDR: adminAddress };
  return createDeps(
    parseConfig(env, () => ""),
    () => {},
  );
}

/** A dataset that nobody has looked for yet. */
async function enqueue(namespace = ""): Promise<{
  resolve: () => Promise<void>;
  status: () => Promise<Record<string, unknown>>;
}> {
  const name = `chain_${++datasets}`;
  const dataset = `${namespace}${name}`;
  await db.query("select ampsync.enqueue_sync($1)", [dataset]);
  const { rows } = await db.query("select dataset_id from ampsync_private.dataset where name = $1", [name]);
  return {
    async resolve() {
      // All that the task looks at.
      const helpers = { abortSignal: AbortSignal.timeout(30_000) } as JobHelpers;
      await resolveDataset(deps)({ dataset_id: rows[0]!["dataset_id"] }, helpers);
    },
    async status() {
      const found = await db.query(
        "select state, error_code, next_retry is not null as retries from ampsync.status where dataset = $1",
        [dataset],
      );
      return found.rows[0]!;
    },
  };
}

test.each<[string, Answer, string]>([
  ["is_retryable_dataset_not_found: a dataset that is not there", MISSING, "SY103"],
  ["is_retryable_no_versions: a dataset without versions", EMPTY, "SY103"],
  ["is_retryable_5xx: a server in trouble", [503, "overloaded"], "SY104"],
  ["is_retryable_5xx: a server that is asked too often", [429, "slow down"], "SY104"],
  ["a token that is not accepted yet", [401, "who are you?"], "SY105"],
  ["the page of an ingress that knows no such path", [404, "<h1>Not Found</h1>"], "SY104"],
  ["the login page of a gateway", [302, ""], "SY104"],
  ["the 400 of a proxy", [400, { message: "Bad Request" }], "SY104"],
  ["a page in place of an answer", [200, "<h1>Welcome</h1>"], "SY104"],
])("%s is waited for", async (_, answer, code) => {
  answers = [answer];
  const { resolve, status } = await enqueue();
  await resolve();
  expect(await status()).toEqual({ state: "waiting", error_code: code, retries: true });
});

test("is_retryable_network: a server that is not there is waited for", async () => {
  server.close();
  await once(server, "close");
  const { resolve, status } = await enqueue();
  await resolve();
  expect(await status()).toEqual({ state: "waiting", error_code: "SY104", retries: true });
});

test.each([400, 410, 422])(
  "is_retryable, not 4xx: a question that the Amp server answers with %i is not repeated",
  async (code) => {
    answers = [[code, { error_code: "INVALID_PATH", error_message: "the path is wrong" }]];
    const { resolve, status } = await enqueue();
    await resolve();
    expect(await status()).toEqual({ state: "failed", error_code: "SY004", retries: false });
  },
);

test("is_retryable, not an invalid config: without an Admin API a dataset needs its tables named", async () => {
  await deps.close();
  deps = await depsWith("off");
  const { resolve, status } = await enqueue();
  await resolve();
  expect(await status()).toEqual({ state: "failed", error_code: "SY004", retries: false });
});

test("what names them is the hint, for the very dataset", async () => {
  await deps.close();
  deps = await depsWith("off");
  const { resolve } = await enqueue("edge/");
  await resolve();
  const dataset = `edge/chain_${datasets}`;
  const { rows } = await db.query("select hint from ampsync.status where dataset = $1", [dataset]);
  await db.query(rows[0]!["hint"]);
  expect(
    (await db.query("select tables from ampsync.status where dataset = $1", [`${dataset}@1.0.0`])).rows,
  ).toHaveLength(1);
});

test("an Admin API that refuses the token is reported with the setting", async () => {
  answers = [[401, "who are you?"]];
  const { resolve, status } = await enqueue();
  await resolve();
  expect(await status()).toEqual({ state: "waiting", error_code: "SY105", retries: true });
  const { rows } = await db.query("select hint from ampsync.status where dataset = $1", [
    `chain_${datasets}`,
  ]);
  expect(rows[0]!["hint"]).toContain("AMP_AUTH_TOKEN_FILE");
});

test("startup_poll_success_after_retries: a dataset that appears later is found", async () => {
  answers = [MISSING, EMPTY, [500, "starting"], LIST, DETAIL];
  const { resolve, status } = await enqueue();
  for (const code of ["SY103", "SY103", "SY104"]) {
    await resolve();
    expect(await status()).toMatchObject({ state: "waiting", error_code: code });
  }
  await resolve();
  expect(await status()).toMatchObject({ error_code: null });
  const { rows } = await db.query("select table_name from ampsync.streams where dataset = $1", [
    `chain_${datasets}`,
  ]);
  expect(rows).toEqual([{ table_name: "logs" }]);
});
