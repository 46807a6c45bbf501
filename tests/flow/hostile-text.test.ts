// Takes 12 s.
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import { status } from "@grpc/grpc-js";
import { Field, Schema, Uint64, Utf8 } from "apache-arrow";
import type { JobHelpers } from "graphile-worker";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { parseConfig } from "../../src/config.ts";
import type { Deps } from "../../src/deps.ts";
import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { createDeps } from "../../src/runtime.ts";
import { resolveDataset } from "../../src/tasks/ampsync_resolve.ts";
import { TableSource } from "../support/chain/table-source.ts";
import { createDatabase, type TestDatabase } from "../support/postgres/postgres.ts";
import { Scenario } from "../support/worker/scenario.ts";

const TOKEN = 's3cret/"t0ken\\<x>';
/** What one text may take in a table, with room for what is said around it. */
const MOST_CHARACTERS = 4_100;

const json = (text: string) => JSON.stringify(text).slice(1, -1);
const base64 = (text: string) => Buffer.from(text).toString("base64");

/** Every form in which the token could be found in what was stored or logged. */
const FORMS = [
  TOKEN,
  json(TOKEN),
  json(json(TOKEN)),
  json(json(json(TOKEN))),
  encodeURIComponent(TOKEN),
  base64(TOKEN).slice(0, 20),
  base64(`Bearer ${TOKEN}`).slice(12, 30),
];
const ECHO = [TOKEN, json(TOKEN), encodeURIComponent(TOKEN), base64(TOKEN), base64(`Bearer ${TOKEN}`)].join(
  " ",
);

/** Everything that ampsync stored, as one text a row. */
async function stored(db: TestDatabase): Promise<readonly string[]> {
  const { rows } = await db.query(
    `select to_jsonb(e)::text as text from ampsync_private.event e
     union all select to_jsonb(s)::text from ampsync_private.stream s
     union all select to_jsonb(d)::text from ampsync_private.dataset d`,
  );
  return rows.map((row) => String(row["text"]));
}

async function expectHarmless(db: TestDatabase): Promise<void> {
  const texts = await stored(db);
  for (const form of FORMS) expect(texts.filter((text) => text.includes(form))).toEqual([]);
  const { rows } = await db.query(
    `select max(length(e.value))::int as longest from ampsync_private.stream s, jsonb_each_text(s.error) e`,
  );
  expect(rows[0]!["longest"] ?? 0).toBeLessThan(MOST_CHARACTERS);
}

describe("what a Flight server says", () => {
  let scenario: Scenario;
  beforeAll(async () => {
    scenario = await Scenario.start();
    scenario.startWorker({ env: { AMP_AUTH_TOKEN: TOKEN } });
  });
  afterEach(async () => {
    await expectHarmless(scenario.db);
    for (const form of FORMS) expect(scenario.worker.hasSaid(form)).toBe(false);
    await scenario.reset();
  });
  afterAll(() => scenario[Symbol.asyncDispose]());

  test.each([
    ["with U+0000 in it", "the server\0said", "the server\u{fffd}said"],
    ["too long, of emoji", "🦀".repeat(1_000), "🦀🦀🦀"],
    ["with the token in it", ECHO, "[token] [token] [token]"],
  ])("in an error, %s, is stored and keeps no stream from being retried", async (_, details, shown) => {
    const source = new GeneratedSource({ blocks: 20, logsPerBlock: 3 });
    scenario.misbehaviour.breaks = { after: 1, unit: "messages", how: { code: status.INTERNAL, details } };
    const sync = await scenario.follow(source);
    const { code, detail } = await sync.until("the error", ({ attempts }) => attempts >= 1);
    expect({ code, detail }).toEqual({ code: "SY104", detail: expect.stringContaining(shown) });
    scenario.misbehaviour.breaks = null;
    await sync.catchesUp();
  });

  test.each([
    ["a network with the token in it", ECHO],
    ["a network of 900,000 characters", "\0🦀x".repeat(225_000)],
  ])("as %s is reported within bounds", async (_, network) => {
    const source = new GeneratedSource({ blocks: 20, logsPerBlock: 3 });
    scenario.misbehaviour.falseMetadata = (truth) => ({
      ...truth,
      ranges: truth.ranges.map((range) => ({ ...range, network })),
    });
    const sync = await scenario.follow(source);
    await sync.until("the error", ({ code }) => code === "SY101");
    scenario.misbehaviour.falseMetadata = null;
    await sync.catchesUp();
  });

  test("as a column of 10 MB is reported within bounds", async () => {
    const name = `${"x".repeat(10_000_000)}`;
    const schema = new Schema([
      new Field("_block_num", new Uint64(), false),
      new Field(name, new Utf8(), false),
    ]);
    const source = new TableSource("odd", schema, (block) => [[block, "x"]], { blocks: 3 });
    const sync = await scenario.follow(source, ["odd"]);
    const { reason } = await sync.until("the refusal", ({ code }) => code !== null);
    expect(reason).not.toBeNull();
  });
});

describe("what an Admin API says", () => {
  let db: TestDatabase;
  let server: Server;
  let deps: Deps;
  const lines: string[] = [];
  /** Answers by the end of their path. */
  let answers: Record<string, string>;
  let httpStatus: number;

  beforeAll(async () => {
    db = await createDatabase();
    server = createServer((request, response) => {
      const found = Object.entries(answers).find(([end]) => request.url?.endsWith(end));
      response.writeHead(httpStatus).end(found?.[1]);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo; // It listens on TCP.
    const env = {
      DATABASE_URL: db.url,
      AMP_ADMIN_API_ADDR: `http://127.0.0.1:${port}`,
      AMP_AUTH_TOKEN: TOKEN,
    };
    deps = await createDeps(
      parseConfig(env, () => ""),
      (line) => lines.push(line),
    );
  });
  afterEach(async () => {
    await expectHarmless(db);
    for (const form of FORMS) expect(lines.join("")).not.toContain(form);
  });
  afterAll(async () => {
    await deps.close();
    server.closeAllConnections();
    server.close();
    await db.drop();
  });

  let datasets = 0;
  async function resolved(): Promise<Record<string, unknown>> {
    const name = `chain_${++datasets}`;
    await db.query("select ampsync.enqueue_sync($1)", [name]);
    const { rows } = await db.query("select dataset_id as id from ampsync_private.dataset where name = $1", [
      name,
    ]);
    const helpers = { abortSignal: AbortSignal.timeout(30_000) } as JobHelpers; // All that the task looks at.
    await resolveDataset(deps)({ dataset_id: rows[0]!["id"] }, helpers);
    const found = await db.query(
      `select d.state, d.error ->> 'code' as code, d.error ->> 'message' as error, d.resolved_version as version,
              coalesce(octet_length(to_jsonb(d)::text), 0)::int as bytes
         from ampsync_private.dataset d where d.name = $1`,
      [name],
    );
    return found.rows[0]!;
  }

  const list = (version: string) => JSON.stringify({ versions: [{ version }] });
  const errorOf = (message: string) => JSON.stringify({ error_code: "X", error_message: message });

  test.each([
    ["an error with half a surrogate pair", 503, { "": errorOf("half \ud83e") }, "SY104"],
    ["an error with U+0000", 404, { "": errorOf("nothing\0there") }, "SY103"],
    ["an error that echoes the token", 503, { "": errorOf(ECHO) }, "SY104"],
    ["a page that echoes the token", 502, { "": `<pre>${ECHO}</pre>` }, "SY104"],
    ["an error of 15 MB", 503, { "": errorOf("🦀".repeat(3_700_000)) }, "SY104"],
    ["a list of 15 MB", 200, { "": list("x".repeat(15_000_000)) }, "SY104"],
    ["14 MB of arrays in arrays", 200, { "": "[".repeat(14_000_000) }, "SY104"],
  ])("as %s is waited for", async (_, code, said, expected) => {
    [httpStatus, answers] = [code, said];
    expect(await resolved()).toMatchObject({ state: "waiting", code: expected });
  });

  test("as versions and tables that echo the token is not stored", async () => {
    httpStatus = 200;
    answers = { "/versions": list(ECHO), "": JSON.stringify({ tables: ["logs", TOKEN, base64(TOKEN)] }) };
    const { version } = await resolved();
    expect(version).toContain("[token]");
  });

  test("as tables of any number and length is bounded", async () => {
    httpStatus = 200;
    const tables = Array.from({ length: 20_000 }, (_, n) => `table_${n}`);
    answers = { "/versions": list("1.0.0"), "": JSON.stringify({ tables }) };
    expect(await resolved()).toMatchObject({ state: "waiting", code: "SY101", version: null });

    answers[""] = JSON.stringify({ tables: ["logs", "x".repeat(10_000_000), "a\0b"] });
    const { state, bytes } = await resolved();
    expect(state).toBe("failed"); // Because of its own name: the others go on.
    expect(bytes).toBeLessThan(10_000);
    const { rows } = await db.query(
      "select table_name from ampsync_private.stream where target_schema = $1",
      [`chain_${datasets}`],
    );
    expect(rows).toEqual([{ table_name: "logs" }]);
  });
});
