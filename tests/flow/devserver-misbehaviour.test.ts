import { status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import type { Break, Misbehaviour } from "../../src/devserver/misbehaviour.ts";
import { type DevServer, startDevServer } from "../../src/devserver/server.ts";
import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { DevServerClient, type Received } from "../support/chain/devserver-client.ts";

const STREAM = 'SELECT "_block_num" FROM "anvil"."logs" SETTINGS stream = true';
const BATCH = 'SELECT "_block_num" FROM "anvil"."logs"';

let source: GeneratedSource;
let server: DevServer;
let client: DevServerClient;

beforeEach(async () => {
  source = new GeneratedSource({ blocks: 20, logsPerBlock: 4 });
  server = await startDevServer({ source, maxBlocksPerMicrobatch: 10 });
  client = new DevServerClient(server);
});
afterEach(async () => {
  client.close();
  await server.stop();
});

/** Everything up to the head: first and last block, rows, and `!` at the end of a microbatch. */
async function sent(misbehaviour: Partial<Misbehaviour>): Promise<readonly string[]> {
  Object.assign(server.misbehaviour, { endAtHead: true, ...misbehaviour });
  return (await client.all(STREAM)).map(told);
}

function told({ ranges, rows, complete }: Received): string {
  const spans = ranges.map(({ numbers }) => `${numbers.start}-${numbers.end}`);
  return `${spans.join(" ")}:${rows}${complete ? "!" : ""}`;
}

describe("batches", () => {
  test.each<[string, Partial<Misbehaviour>, readonly string[]]>([
    ["none", {}, ["0-9:40", "0-9:0!", "10-19:40", "10-19:0!"]],
    [
      "of so many rows",
      { rowsPerBatch: 30, blocksPerMicrobatch: 20 },
      ["0-19:30", "0-19:30", "0-19:20", "0-19:0!"],
    ],
    ["of so many blocks", { generation: "2025-10" }, ["0-19:80", "0-19:0!"]],
    ["kept alive", { keepAlives: 1, blocksPerMicrobatch: 20 }, ["0-19:0", "0-19:80", "0-19:0!"]],
    ["repeated", { repeats: "rows", blocksPerMicrobatch: 20 }, ["0-19:80", "0-19:0!", "0-19:80", "0-19:0!"]],
    ["finished twice", { repeats: "watermark", blocksPerMicrobatch: 20 }, ["0-19:80", "0-19:0!", "0-19:0!"]],
    ["interrupted", { interrupts: true, blocksPerMicrobatch: 20 }, ["0-18:1", "0-19:80", "0-19:0!"]],
    ["of no data", { noData: true }, [":0!"]],
    ["delayed", { delayMs: 1 }, ["0-9:40", "0-9:0!", "10-19:40", "10-19:0!"]],
  ])("%s", async (_, misbehaviour, expected) => {
    expect(await sent(misbehaviour)).toEqual(expected);
  });

  test("of other tables than those named are as they should be", async () => {
    Object.assign(server.misbehaviour, { noData: true, tables: ["blocks"] });
    const stream = await client.open(STREAM);
    expect(told((await stream.next())!)).toBe("0-9:40");
    stream.cancel();
  });
});

describe("an answer that breaks off", () => {
  const how = { code: status.DATA_LOSS, details: "as told" };

  async function before(breaks: Break): Promise<{ readonly rows: number; readonly code: number | null }> {
    Object.assign(server.misbehaviour, { rowsPerBatch: 10, breaks });
    const stream = await client.open(STREAM);
    let rows = 0;
    try {
      for (let next = await stream.next(); next !== null; next = await stream.next()) rows += next.rows;
    } catch (error) {
      return { rows, code: (error as { code: number }).code }; // A ServiceError, or the test fails.
    }
    return { rows, code: null };
  }

  test.each<[string, Break, { rows: number; code: number | null }]>([
    ["at once", { after: 0, unit: "messages", how }, { rows: 0, code: status.DATA_LOSS }],
    [
      "after so many messages, the schema too",
      { after: 3, unit: "messages", how },
      { rows: 20, code: status.DATA_LOSS },
    ],
    ["after so many rows", { after: 45, unit: "rows", how }, { rows: 50, code: status.DATA_LOSS }],
    [
      "in the middle of a microbatch",
      { after: 2, unit: "batches", how },
      { rows: 20, code: status.DATA_LOSS },
    ],
    ["without an error", { after: 30, unit: "rows", how: "end" }, { rows: 30, code: null }],
  ])("%s", async (_, breaks, expected) => {
    expect(await before(breaks)).toEqual(expected);
  });

  test("by silence is still open", async () => {
    Object.assign(server.misbehaviour, {
      rowsPerBatch: 10,
      breaks: { after: 10, unit: "rows", how: "stall" },
    });
    const stream = await client.open(STREAM);
    expect(await stream.next()).toMatchObject({ rows: 10 });
    expect(server.openStreams).toBe(1);
    server.disconnectAll();
    expect((await stream.error()).code).toBe(status.UNAVAILABLE);
  });
});

describe("generations of 2025", () => {
  test("tell neither parent hashes nor block times", async () => {
    Object.assign(server.misbehaviour, { generation: "2025-11", endAtHead: true });
    const [first] = await client.all(STREAM);
    expect(first!.ranges[0]).toMatchObject({ numbers: { start: 0, end: 9 }, prev_hash: null });
    expect(first!.ranges[0]).not.toHaveProperty("timestamp");
  });

  test("answer batch queries without metadata and without a last message", async () => {
    server.misbehaviour.generation = "2025-11";
    const answer = await client.all(BATCH);
    expect(answer.map(({ rows, data }) => [rows, data.appMetadata.length])).toEqual([[80, 0]]);
  });

  test("send a schema and a clean end where there is no block yet", async () => {
    Object.assign(server.misbehaviour, { generation: "2025-11", noData: true });
    const stream = await client.open(STREAM);
    expect(await stream.next()).toBeNull();
    expect(stream.schema).not.toBeNull();
  });
});

describe("calls", () => {
  test("need the token, if there is one", async () => {
    server.misbehaviour.token = "secret";
    await expect(client.info(STREAM)).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
    const info = await client.info(STREAM, { authorization: "Bearer secret" });
    const error = await client.redeem(info.tickets[0]!).error();
    expect(error.code).toBe(status.UNAUTHENTICATED);
  });

  test("with a cursor are refused, if they shall be", async () => {
    server.misbehaviour.refuseResume = true;
    const { number, hash } = source.chain.canonical(5n)!;
    const cursor = JSON.stringify({ devnet: { number: Number(number), hash } });
    const error = await (await client.open(STREAM, { "amp-resume": cursor })).error();
    expect(error.code).toBe(status.INTERNAL);
  });
});
