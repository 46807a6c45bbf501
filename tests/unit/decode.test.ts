import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  Dictionary,
  Field,
  Int32,
  RecordBatchStreamWriter,
  Schema,
  Table,
  tableFromArrays,
  Utf8,
  vectorFromArray,
} from "apache-arrow";
import { describe, expect, test } from "vitest";
import { decodeEncapsulatedSchema, decodeFlightMessage } from "../../src/flight/decode.ts";
import type { FlightData } from "../../src/flight/protocol/messages.ts";
import { typeName } from "../../src/model/arrow-type.ts";
import { splitStream } from "../support/arrow-messages.ts";

function streamOf(table: Table): Uint8Array {
  return RecordBatchStreamWriter.writeAll(table).toUint8Array(true);
}

const TABLE = tableFromArrays({ block: BigInt64Array.of(7n, 8n, -9n), name: ["a", null, "ccc"] });

function schemaAndBatch(): [FlightData, FlightData] {
  const [schema, ...rest] = splitStream(
    streamOf(
      new Table({
        block: vectorFromArray([7n, 8n, -9n]),
        name: vectorFromArray(["a", null, "ccc"], new Utf8()),
      }),
    ),
  );
  return [schema!, rest[0]!];
}

const sy = (code: string) => expect.objectContaining({ code });

describe("messages of a DoGet answer", () => {
  test("a schema", () => {
    const decoded = decodeFlightMessage(schemaAndBatch()[0]);
    expect(
      decoded?.kind === "schema" &&
        decoded.schema.fields.map((field) => `${field.name}: ${typeName(field.type)}`),
    ).toEqual(["block: Int64", "name: Utf8"]);
  });

  test("a record batch: lengths and buffers into the body, nothing copied where it is aligned", () => {
    const [, message] = schemaAndBatch();
    const body = new Uint8Array(message.dataBody); // at offset 0
    const decoded = decodeFlightMessage({ ...message, dataBody: body });
    if (decoded?.kind !== "batch") {
      expect.unreachable("it is a record batch");
    }
    const { batch } = decoded;
    expect(batch.rowCount).toBe(3);
    expect(batch.nodes.map(({ length, nullCount }) => [length, nullCount])).toEqual([
      [3, 0],
      [3, 1],
    ]);
    expect(batch.body.buffer).toBe(body.buffer);
    const values = batch.buffers[1]!;
    expect([...new BigInt64Array(body.buffer, values.offset, 3)]).toEqual([7n, 8n, -9n]);
  });

  test("an unaligned body is copied, so that typed arrays can be laid over it", () => {
    const [, message] = schemaAndBatch();
    const shifted = new Uint8Array(message.dataBody.length + 3);
    shifted.set(message.dataBody, 3);
    const decoded = decodeFlightMessage({ ...message, dataBody: shifted.subarray(3) });
    if (decoded?.kind !== "batch") {
      expect.unreachable("it is a record batch");
    }
    const { body, buffers } = decoded.batch;
    expect(body.byteOffset % 8).toBe(0);
    expect([...new BigInt64Array(body.buffer, body.byteOffset + buffers[1]!.offset, 3)]).toEqual([
      7n,
      8n,
      -9n,
    ]);
  });

  test("a message without a header is skipped", () => {
    const empty = new Uint8Array();
    expect(decodeFlightMessage({ dataHeader: empty, appMetadata: empty, dataBody: empty })).toBeNull();
  });

  test("a dictionary", () => {
    const dictionary = vectorFromArray(["a", "b", "a"], new Dictionary(new Utf8(), new Int32()));
    const messages = splitStream(streamOf(new Table({ name: dictionary })));
    const found = messages.map(decodeFlightMessage).find((message) => message?.kind === "dictionary");
    expect(found?.dictionary).toMatchObject({ isDelta: false, batch: { rowCount: 2 } });
  });

  test("bytes that are no Arrow message are refused with SY101, whatever they are", () => {
    const [schema] = schemaAndBatch();
    for (let cut = 1; cut < schema.dataHeader.length; cut += 7) {
      try {
        decodeFlightMessage({ ...schema, dataHeader: schema.dataHeader.subarray(0, cut) });
      } catch (error) {
        expect(error).toEqual(sy("SY101"));
      }
    }
    expect(() => decodeFlightMessage({ ...schema, dataHeader: Uint8Array.of(1, 2, 3) })).toThrow(sy("SY101"));
  });
});

describe("the schema of a plan", () => {
  test("is an encapsulated message", () => {
    const schema = decodeEncapsulatedSchema(streamOf(TABLE));
    expect(schema.fields.map((field) => field.name)).toEqual(["block", "name"]);
    expect(
      decodeEncapsulatedSchema(streamOf(new Table(new Schema([new Field("x", new Utf8(), true)])))).fields,
    ).toHaveLength(1);
  });

  test("is refused without its prefix, cut off, empty, or as another kind of message", () => {
    const stream = streamOf(TABLE);
    const batchAt = 8 + new DataView(stream.buffer, stream.byteOffset).getInt32(4, true);
    for (const bytes of [
      stream.subarray(8),
      stream.subarray(0, 30),
      new Uint8Array(),
      stream.subarray(batchAt),
    ]) {
      expect(() => decodeEncapsulatedSchema(bytes)).toThrow(
        expect.objectContaining({ code: expect.any(String) }),
      );
    }
  });
});

const data = process.env["AMPSYNC_TEST_DATA"];
const file = data === undefined ? "" : join(data, "evm", "mainnet_15000000.logs.arrows");

test.skipIf(!existsSync(file))("logs of a mainnet block decode (needs AMPSYNC_TEST_DATA)", () => {
  const decoded = splitStream(readFileSync(file)).map(decodeFlightMessage);
  expect(decoded[0]?.kind).toBe("schema");
  const rows = decoded.map((each) => (each?.kind === "batch" ? each.batch.rowCount : 0));
  expect(rows.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0);
});
