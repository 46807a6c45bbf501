import { afterAll, beforeAll, expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { Scenario } from "../support/worker/scenario.ts";

type Line = Readonly<Record<string, unknown>>;

let scenario: Scenario;

beforeAll(async () => {
  scenario = await Scenario.start();
  scenario.startWorker({ env: { AMP_LOG: "info,ampsync::stream=debug" } });
});

afterAll(() => scenario[Symbol.asyncDispose]());

/** What the worker logged about one table. */
function about(dataset: string): Line[] {
  return scenario.worker
    .said()
    .map((line): Line => JSON.parse(line))
    .filter((line) => line["dataset"] === dataset);
}

const eventsOf = (lines: readonly Line[]) => lines.map((line) => line["event"]);

test("every line is JSON: time, level, target and event, those of graphile-worker too", async () => {
  await scenario.until("the worker to be ready", async () => scenario.worker.hasSaid("looking for jobs"));
  for (const line of scenario.worker.said()) {
    expect(JSON.parse(line)).toMatchObject({
      time: expect.stringMatching(/^\d{4}-.*Z$/),
      level: expect.stringMatching(/^(error|warn|info|debug)$/),
      target: expect.stringMatching(/^(ampsync(::\w+)?|graphile_worker)$/),
      event: expect.stringMatching(/^\w+$/),
    });
  }
});

test("each change of state is one line, with dataset and table, and each commit one for debugging", async () => {
  const source = new GeneratedSource({ blocks: 20, logsPerBlock: 3 });
  const sync = await scenario.follow(source);
  await sync.catchesUp();
  const dataset = "anvil@0.0.1";
  await scenario.until("the head", async () => eventsOf(about(dataset)).includes("live"));

  source.mine(1);
  await sync.catchesUp();
  source.reorg(2, 3);
  await sync.catchesUp();
  await scenario.until("the reorg", async () => eventsOf(about(dataset)).includes("reorg_handled"));

  scenario.server.disconnectAll();
  await scenario.until("the error", async () => eventsOf(about(dataset)).includes("stream_error"));
  source.mine(1);
  await sync.catchesUp();

  const lines = about(dataset).filter((line) => line["target"] === "ampsync::stream");
  for (const line of lines) expect(line).toMatchObject({ dataset, table: "logs" });
  expect(eventsOf(lines)).toEqual(
    expect.arrayContaining(["lease_acquired", "starting_from_beginning", "live", "watermark_saved"]),
  );
  expect(eventsOf(lines).indexOf("stream_resumed")).toBeLessThan(eventsOf(lines).indexOf("live")); // Its first commit.
  for (const line of lines.filter((each) => each["event"] === "watermark_saved")) {
    expect(line).toMatchObject({ level: "debug", block: expect.stringMatching(/^\d+$/) });
  }
  expect(lines.find((line) => line["event"] === "stream_error")).toMatchObject({
    level: "warn",
    address: scenario.server.flightAddress,
    code: "SY104",
    error: expect.any(String),
    cause: expect.stringContaining("gRPC UNAVAILABLE"),
  });
});

test("a table that fails says so as an error, with what to do", async () => {
  const sync = await scenario.follow(new GeneratedSource({ blocks: 5, logsPerBlock: 1 }), ["logs"]);
  await sync.catchesUp();
  await scenario.db.query("drop table chain_2.logs");
  const source = new GeneratedSource({ blocks: 9, logsPerBlock: 1 });
  scenario.server.publish("0.0.2", source);
  scenario.server.disconnectAll();
  await scenario.until("the failure", async () => eventsOf(about("anvil@0.0.2")).includes("stream_failed"));
  expect(about("anvil@0.0.2").find((line) => line["event"] === "stream_failed")).toMatchObject({
    level: "error",
    table: "logs",
    code: "SY201",
    hint: expect.stringContaining("select"),
  });
});

test("a level of off leaves nothing but what cannot be logged", async () => {
  const silent = scenario.startWorker({ env: { AMP_LOG: "off" } });
  await scenario.until("its heartbeat", async () => {
    const { rows } = await scenario.db.query(
      "select count(*)::int as n from ampsync.workers where pid = $1",
      [silent.pid],
    );
    return rows[0]!["n"] === 1;
  });
  silent.signal("SIGTERM");
  expect(await silent.ended).toMatchObject({ signal: expect.anything() });
  expect(silent.said()).toEqual([]);
});
