// Takes 48 s.
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { JobHelpers } from "graphile-worker";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { parseConfig } from "../../src/config.ts";
import type { Deps } from "../../src/deps.ts";
import type { Generation } from "../../src/devserver/misbehaviour.ts";
import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { createDeps } from "../../src/runtime.ts";
import { poll } from "../../src/tasks/ampsync_poll.ts";
import { moveClock } from "../support/postgres/clock.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";
import { registerDataset } from "../support/postgres/sql-stream.ts";
import { Scenario } from "../support/worker/scenario.ts";

const VERSION_LIST = /^GET \/datasets\/_\/anvil\/versions$/;

describe("with a worker", () => {
  async function followed(scenario: Scenario): Promise<string> {
    const { rows } = await scenario.db.query("select version from ampsync.status");
    return rows[0]!["version"];
  }

  /** Polled each second. */
  async function follow(scenario: Scenario): Promise<void> {
    await scenario.db.query(
      "select ampsync.enqueue_sync('anvil', tables => '{logs}', poll_interval => '1 s')",
    );
    await scenario.until("a stream", async () => {
      const { rows } = await scenario.db.query("select from ampsync.streams");
      return rows.length === 1;
    });
  }

  test.each<Generation>(["2026", "2025-11", "2025-10"])(
    "version_polling_detects_changes of a server of %s",
    async (generation) => {
      await using scenario = await Scenario.start({ source: new GeneratedSource({ blocks: 3 }) });
      scenario.misbehaviour.generation = generation;
      scenario.startWorker();
      await follow(scenario);
      for (const version of ["0.10.0", "0.9.0", "0.11.0"]) scenario.server.publish(version);
      await scenario.until("0.11.0", async () => (await followed(scenario)).startsWith("0.11.0"));
      const detected = await scenario.db.query(
        "select details ->> 'to' as to from ampsync.events where event = 'new_version_detected'",
      );
      expect(detected.rows).toEqual([{ to: expect.stringMatching(/^0\.11\.0/) }]); // Of several the newest.
    },
  );

  test("handles_api_errors: a server in trouble, and a token that is refused, are visible and pass", async () => {
    const folder = await mkdtemp(join(tmpdir(), "ampsync-test-"));
    const tokenFile = join(folder, "token");
    await writeFile(tokenFile, "first");
    try {
      await using scenario = await Scenario.start({ source: new GeneratedSource({ blocks: 3 }) });
      scenario.misbehaviour.token = "first";
      scenario.startWorker({ env: { AMP_AUTH_TOKEN_FILE: tokenFile } });
      await follow(scenario);
      const code = async () => {
        const { rows } = await scenario.db.query(
          "select poll_error ->> 'code' as code from ampsync_private.dataset",
        );
        return rows[0]!["code"];
      };

      scenario.misbehaviour.adminFailure = { status: 500 };
      await scenario.until("a failure", async () => (await code()) === "SY104");
      scenario.misbehaviour.adminFailure = null;
      await scenario.until("a success", async () => (await code()) === null);

      scenario.misbehaviour.token = "second";
      await scenario.until("a refusal", async () => (await code()) === "SY105");
      await writeFile(tokenFile, "second");
      scenario.server.publish("0.10.0");
      await scenario.until("0.10.0", async () => (await followed(scenario)) === "0.10.0");
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("one poller per dataset, however many workers there are, and it requests the list of versions alone", async () => {
    await using scenario = await Scenario.start({ source: new GeneratedSource({ blocks: 3 }) });
    for (let worker = 0; worker < 3; worker++) scenario.startWorker();
    await follow(scenario);
    const { adminRequests } = scenario.server;
    const since = performance.now();
    const found = adminRequests.length;
    await scenario.until("five polls", () => Promise.resolve(adminRequests.length >= found + 5));
    // A busy machine has fewer in this time, never more.
    expect(performance.now() - since).toBeGreaterThan(3_000);
    expect(adminRequests.slice(found).filter((request) => !VERSION_LIST.test(request))).toEqual([]);
  });

  test("a dataset that is not published holds no slot: with a single one, another is synced", async () => {
    const source = new GeneratedSource({ blocks: 30 });
    await using scenario = await Scenario.start({ source });
    await scenario.db.query("select ampsync.enqueue_sync('nothing')");
    scenario.startWorker({ args: ["--jobs", "1"] });
    await scenario.until("a wait", async () => {
      const { rows } = await scenario.db.query("select from ampsync.status where next_retry is not null");
      return rows.length === 1;
    });
    const sync = await scenario.sync(["logs"]);
    await sync.reaches();
    const { rows } = await scenario.db.query(
      `select state, waiting_on, hint from ampsync.status where dataset = 'nothing'`,
    );
    expect(rows).toEqual([
      {
        state: "waiting",
        waiting_on: expect.stringContaining("No versions available for _/nothing"),
        hint: expect.stringContaining("select * from ampsync.resume_sync('nothing');"),
      },
    ]);
  });
});

describe("without a worker, an hour in a moment", () => {
  const db = sharedDatabase();
  let server: Server;
  let deps: Deps;
  let requests = 0;
  let answer: { readonly status: number; readonly body: unknown };

  beforeAll(async () => {
    server = createServer((_, response) => {
      requests += 1;
      response.writeHead(answer.status).end(JSON.stringify(answer.body));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo; // It listens on TCP.
    const env = { DATABASE_URL: db.url, AMP_ADMIN_API_ADDR: `http://127.0.0.1:${port}` };
    deps = await createDeps(
      parseConfig(env, () => ""),
      () => {},
    );
  });
  afterAll(async () => {
    await deps.close();
    server.close();
  });

  test("poll errors for an hour are backed off from, and the next version is found", async () => {
    const id = await registerDataset(db, "chain", ["blocks"]);
    answer = { status: 503, body: "overloaded" };
    /** Runs the poll that waits, at its time; resolves to the seconds that it waited. */
    async function next(): Promise<number> {
      const { rows } = await db.query(
        `select extract(epoch from run_at - ampsync_private.now())::float8 as due from graphile_worker.jobs
          where key = 'ampsync_poll:' || $1`,
        [id],
      );
      expect(rows).toHaveLength(1);
      await moveClock(db, `${rows[0]!["due"]} s`);
      // All that the task looks at.
      await poll(deps)({ dataset_id: id }, { abortSignal: AbortSignal.timeout(30_000) } as JobHelpers);
      return rows[0]!["due"];
    }
    const waits: number[] = [];
    while (waits.reduce((sum, wait) => sum + wait, 0) < 3600) waits.push(await next());
    expect(waits.slice(0, 6).map(Math.round)).toEqual([5, 10, 20, 40, 60, 60]);
    expect(requests).toBe(waits.length);

    answer = { status: 200, body: { versions: [{ version: "1.1.0", manifest_hash: "ab".repeat(32) }] } };
    await next();
    const { rows } = await db.query("select new_version from ampsync.status");
    expect(rows).toEqual([{ new_version: "1.1.0" }]);
    expect(Math.round(await next())).toBe(5);
  });
});
