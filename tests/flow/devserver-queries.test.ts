import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { decodeAny } from "../../src/devserver/flight/messages.ts";
import { type DevServer, startDevServer } from "../../src/devserver/server.ts";
import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { DESCRIPTOR_CMD, encodeAny } from "../../src/flight/protocol/messages.ts";
import { FLIGHT_SERVICE } from "../../src/flight/protocol/service.ts";
import { bytesOf, MessageWriter, readFields } from "../../src/flight/protocol/wire.ts";
import { DevServerClient, rowsOf, schemaOf } from "../support/chain/devserver-client.ts";

let server: DevServer;
let client: DevServerClient;
const source = new GeneratedSource({ blocks: 12, logsPerBlock: 4 });

function descriptor(command: Buffer, type = DESCRIPTOR_CMD): Buffer {
  return new MessageWriter().int64(1, BigInt(type)).bytes(2, command).finish();
}

beforeAll(async () => {
  server = await startDevServer({
    source,
    dataset: { namespace: "edge", name: "main_net", version: "1.2.0" },
  });
  server.publish("1.10.0-rc.1");
  server.publish("0.9.0", new GeneratedSource({ blocks: 0 }));
  client = new DevServerClient(server);
});

afterAll(async () => {
  client.close();
  await server.stop();
});

describe("batch queries", () => {
  test("send all rows, then an empty batch that says they are complete", async () => {
    const all = await client.all('SELECT * FROM "edge/main_net@1.2.0"."transactions"');
    expect(all.map(({ rows, complete }) => [rows, complete])).toEqual([
      [24, false],
      [0, true],
    ]);
    expect(all[0]!.ranges[0]).toMatchObject({ numbers: { start: 0, end: 11 }, network: "devnet" });
  });

  test("of an empty table still send a batch", async () => {
    const all = await client.all('SELECT * FROM "edge/main_net@0.9.0".blocks');
    expect(all.map(({ rows, complete, ranges }) => [rows, complete, ranges])).toEqual([
      [0, false, []],
      [0, true, []],
    ]);
  });

  test("for the highest block number answer one row", async () => {
    const [head] = await client.all('SELECT max("_block_num") FROM "edge/main_net@1.2.0"."logs"');
    expect(rowsOf([head!])).toEqual([[11n]]);
    const [none] = await client.all('select max(_block_num) from "edge/main_net@0.9.0".logs;');
    expect(rowsOf([none!])).toEqual([[null]]);
    const [field] = none!.table.schema.fields;
    expect([String(field!.type), field!.nullable]).toEqual(["Uint64", true]);
  });

  test("may select columns in any order", async () => {
    const info = await client.info('SELECT "log_index", block_hash FROM "edge/main_net@1.2.0"."logs"');
    expect(schemaOf(info.schema).names).toEqual(["log_index", "block_hash"]);
  });
});

describe("a range of blocks", () => {
  const select = 'SELECT "_block_num" FROM "edge/main_net@1.2.0"."transactions"';

  test.each([
    ['WHERE "_block_num" >= 3 AND "_block_num" <= 4 ORDER BY "_block_num"', [3n, 3n, 4n, 4n]],
    ["where _block_num <= 0", [0n, 0n]],
    ["WHERE _block_num >= 11", [11n, 11n]],
    ["WHERE _block_num >= 12", []],
    ["WHERE _block_num >= 4 AND _block_num <= 3", []],
  ])("%s", async (where, blocks) => {
    expect(rowsOf(await client.all(`${select} ${where}`)).flat()).toEqual(blocks);
  });

  test.each([
    `${select} WHERE tx_index >= 1`,
    `${select} WHERE _block_num >= 'a'`,
    `${select} WHERE _block_num > 3`,
    `${select} ORDER BY tx_hash`,
    'SELECT max(_block_num) FROM "edge/main_net@1.2.0"."logs" WHERE _block_num <= 3',
  ])("is all that can be filtered: %s", async (sql) => {
    await expect(client.all(sql)).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
  });
});

describe("table references", () => {
  test.each(["@latest", "@dev", "@1.2.0", ""])("edge/main_net%s is found", async (revision) => {
    await client.info(`SELECT * FROM "edge/main_net${revision}".blocks`);
  });

  test.each(["edge/main_net@9.9.9", "main_net", "edge/other"])("%s is unknown", async (reference) => {
    await expect(client.info(`SELECT * FROM "${reference}".blocks`)).rejects.toMatchObject({
      code: status.INTERNAL,
      details: `failed to infer SQL output schema | Caused by: Error during planning: table 'amp.${reference}.blocks' not found`,
    });
  });

  test("a table and a column may be unknown in the same way", async () => {
    const unknown = "failed to infer SQL output schema | Caused by: ";
    await expect(client.info('SELECT * FROM "edge/main_net@1.2.0".traces')).rejects.toMatchObject({
      code: status.INTERNAL,
      details: `${unknown}Error during planning: table 'amp.edge/main_net@1.2.0.traces' not found`,
    });
    await expect(client.info('SELECT nothing FROM "edge/main_net@1.2.0".logs')).rejects.toMatchObject({
      code: status.INTERNAL,
      details: expect.stringContaining(
        `${unknown}Schema error: No field named nothing. Valid fields are logs.`,
      ),
    });
  });

  test("a dataset may have no version yet", async () => {
    const young = await startDevServer({ source, published: false });
    const caller = new DevServerClient(young);
    try {
      const versions = await fetch(`${young.adminAddress}/datasets/_/anvil/versions`);
      expect(await versions.json()).toEqual({
        namespace: "_",
        name: "anvil",
        versions: [],
        special_tags: {},
      });
      await expect(caller.info('SELECT * FROM "_/anvil@latest".blocks')).rejects.toMatchObject({
        code: status.INTERNAL,
      });
      young.publish("0.1.0");
      await caller.info('SELECT * FROM "_/anvil@latest".blocks');
    } finally {
      caller.close();
      await young.stop();
    }
  });

  test("a version that was taken away is unknown until it comes back", async () => {
    const sql = 'SELECT * FROM "edge/main_net@3.0.0".blocks';
    await expect(client.info(sql)).rejects.toMatchObject({ code: status.INTERNAL });
    server.publish("3.0.0");
    await client.info(sql);
    server.unpublish("3.0.0");
    await expect(client.info(sql)).rejects.toMatchObject({ code: status.INTERNAL });
  });
});

describe("the switch to streaming", () => {
  const sql = 'SELECT * FROM "edge/main_net@1.2.0".blocks ORDER BY hash';

  test.each([
    [`${sql} SETTINGS stream = true`, {}],
    [sql, { "amp-stream": "1" }],
    [`${sql} SETTINGS stream = false, other = 3`, { "amp-stream": "TRUE" }],
  ])("%s with %j streams", async (statement, headers) => {
    const error = await (await client.open(statement, headers)).error();
    expect(error.code).toBe(status.INVALID_ARGUMENT);
    expect(error.details).toContain("query contains non-incremental operation: Sort");
  });

  test("an empty header counts as absent", async () => {
    const plain = sql.replace(" ORDER BY hash", "");
    const all = await client.all(plain, { "amp-stream": "", "amp-resume": "" });
    expect(all.at(-1)?.complete).toBe(true);
  });
});

describe("what is refused", () => {
  const table = '"edge/main_net@1.2.0".logs';

  test.each([
    ["", "blank"],
    ["SELECT", "expected"],
    [`SELECT * FROM ${table}; SELECT 1`, "not supported"],
    [`SELECT * FROM ${table} WHERE _block_num > 3`, "not supported"],
    [`SELECT address, address FROM ${table}`, "duplicate"],
    [`SELECT count(*) FROM ${table}`, "count(*) is not supported"],
    [`SELECT * FROM ${table} SETTINGS stream = 1`, "boolean"],
    ["SELECT * FROM logs", "expected"],
    ['SELECT * FROM "Edge/x@@".logs', "not a dataset reference"],
    [`SELECT * FROM "edge`, "unterminated"],
  ])("%s", async (sql, reason) => {
    await expect(client.info(sql)).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining(reason),
    });
  });

  test.each([
    ["LIMIT 3", "Limit"],
    ["ORDER BY address LIMIT 3", "Limit"],
    ["GROUP BY address", "Aggregate"],
  ])("a stream with %s, when it is fetched", async (clause, operation) => {
    const stream = await client.open(`SELECT * FROM ${table} ${clause} SETTINGS stream = true`);
    expect((await stream.error()).details).toBe(
      "invalid query: non-incremental queries are not supported for streaming, " +
        `query contains non-incremental operation: ${operation}`,
    );
  });

  test("a stream of the highest block number", async () => {
    const stream = await client.open(`SELECT max("_block_num") FROM ${table}`, { "amp-stream": "true" });
    expect((await stream.error()).details).toContain("non-incremental operation: Aggregate");
  });

  test("descriptors that are no SQL command", async () => {
    const command = (cmd: Buffer, type?: number) =>
      client.rawInfo(descriptor(cmd, type)).catch((error) => error);
    expect(await command(Buffer.from("SELECT 1"))).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining("ProtocolBuffers decoding error"),
    });
    const other = encodeAny({ typeUrl: "type.googleapis.com/x", value: Buffer.of(1) });
    expect(await command(other)).toMatchObject({
      details: "unsupported flight descriptor command: type.googleapis.com/x",
    });
    expect(await command(other, 1)).toMatchObject({ details: "unsupported flight descriptor type: 1" });
  });

  test("a ticket that the server did not issue", async () => {
    const error = await client.redeem(Buffer.from("nonsense")).error();
    expect(error.code).toBe(status.INVALID_ARGUMENT);
  });

  test("every other call, by its name", async () => {
    await expect(client.unary(FLIGHT_SERVICE.getSchema, Buffer.alloc(0))).rejects.toMatchObject({
      code: status.UNIMPLEMENTED,
      details: "get_schema",
    });
    await expect(client.unary(FLIGHT_SERVICE.doAction, Buffer.alloc(0))).rejects.toMatchObject({
      code: status.UNIMPLEMENTED,
      details: "do_action",
    });
    await expect(client.unary(FLIGHT_SERVICE.handshake, Buffer.alloc(0))).rejects.toMatchObject({
      code: status.UNIMPLEMENTED,
    });
  });
});

describe("with generic clients allowed", () => {
  test("a handshake succeeds and a prepared statement can be fetched", async () => {
    const generic = await startDevServer({ source, genericClients: true });
    const caller = new DevServerClient(generic);
    try {
      await caller.unary(FLIGHT_SERVICE.handshake, Buffer.alloc(0));
      const sql = 'SELECT * FROM "_/anvil@0.0.0".blocks';
      const types = "type.googleapis.com/arrow.flight.protocol.sql";
      const statement = encodeAny({
        typeUrl: `${types}.ActionCreatePreparedStatementRequest`,
        value: new MessageWriter().text(1, sql).finish(),
      });
      const action = new MessageWriter().text(1, "CreatePreparedStatement").bytes(2, statement).finish();
      const result = await caller.unary(FLIGHT_SERVICE.doAction, action);
      const [body] = readFields(result, "Result");
      const [handle] = readFields(decodeAny(bytesOf(body!, "Result")).value, "prepared statement");

      const value = new MessageWriter().bytes(1, bytesOf(handle!, "prepared statement")).finish();
      const cmd = encodeAny({ typeUrl: `${types}.CommandPreparedStatementQuery`, value });
      const info = await caller.rawInfo(descriptor(cmd));
      expect((await caller.redeem(info.tickets[0]!).next())?.rows).toBe(12);
    } finally {
      caller.close();
      await generic.stop();
    }
  });
});

describe("the Admin API", () => {
  async function get(path: string, method = "GET") {
    const response = await fetch(server.adminAddress + path, { method });
    const text = await response.text();
    return { status: response.status, body: text === "" ? null : JSON.parse(text) };
  }
  const V = "/datasets/edge/main_net/versions";

  test("lists the dataset with its versions, highest first", async () => {
    const { body } = await get("/datasets");
    const versions = ["1.10.0-rc.1", "1.2.0", "0.9.0"];
    expect(body).toEqual({
      datasets: [{ namespace: "edge", name: "main_net", latest_version: "1.10.0-rc.1", versions }],
    });
    const list = (await get(V)).body;
    expect(list.versions.map((entry: { version: string }) => entry.version)).toEqual(versions);
    expect(list.special_tags).toEqual({
      latest: "1.10.0-rc.1",
      dev: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  test("an unknown dataset has no versions", async () => {
    expect(await get("/datasets/_/other/versions")).toEqual({
      status: 200,
      body: { namespace: "_", name: "other", versions: [], special_tags: {} },
    });
  });

  test("describes a revision and echoes how it was asked for", async () => {
    const { body } = await get(`${V}/latest`);
    expect(body).toMatchObject({
      revision: "latest",
      kind: "evm-rpc",
      tables: ["blocks", "logs", "transactions"],
    });
    expect((await get(`${V}/${body.manifest_hash}`)).body.manifest_hash).toBe(body.manifest_hash);
  });

  test("gives the manifest with the types of every column", async () => {
    const { body } = await get(`${V}/1.2.0/manifest`);
    expect(body).toMatchObject({ kind: "evm-rpc", network: "devnet", start_block: 0 });
    const { fields } = body.tables.transactions.schema.arrow;
    expect(fields).toHaveLength(27);
    expect(fields[3]).toEqual({
      name: "timestamp",
      type: { Timestamp: ["Nanosecond", "+00:00"] },
      nullable: false,
    });
    expect(fields[25].type.List).toEqual({
      name: "item",
      data_type: { FixedSizeBinary: 32 },
      nullable: false,
      dict_id: 0,
      dict_is_ordered: false,
      metadata: {},
    });
  });

  test.each([
    [`${V}/9.9.9`, 404, "DATASET_NOT_FOUND"],
    [`${V}/9.9.9/manifest`, 404, "DATASET_NOT_FOUND"],
    [`${V}/nonsense`, 400, "INVALID_PATH"],
    ["/datasets/edge/main_net", 400, "INVALID_PATH"],
    ["/datasets/E!/main_net/versions", 400, "INVALID_PATH"],
    ["/datasets/%E0%A4%A", 400, "INVALID_PATH"],
  ])("%s is %i %s", async (path, code, error) => {
    expect(await get(path)).toMatchObject({ status: code, body: { error_code: error } });
  });

  test("a port that is taken is named", async () => {
    const adminPort = Number(new URL(server.adminAddress).port);
    await expect(startDevServer({ source, adminPort })).rejects.toMatchObject({ code: "SY902" });
    const flightPort = Number(new URL(server.flightAddress).port);
    await expect(startDevServer({ source, flightPort })).rejects.toMatchObject({ code: "SY902" });
  });

  test("an unknown path is 404 and another method 405, both without a body", async () => {
    expect(await get("/nothing")).toEqual({ status: 404, body: null });
    expect(await get("/datasets", "DELETE")).toEqual({ status: 405, body: null });
  });
});
