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
import { Field as FbField } from "apache-arrow/fb/field";
import { Message as FbMessage } from "apache-arrow/fb/message";
import { MessageHeader } from "apache-arrow/fb/message-header";
import { MetadataVersion } from "apache-arrow/fb/metadata-version";
import { Schema as FbSchema } from "apache-arrow/fb/schema";
import { TimeUnit } from "apache-arrow/fb/time-unit";
import { Timestamp } from "apache-arrow/fb/timestamp";
import { Type } from "apache-arrow/fb/type";
import { Builder } from "flatbuffers";
import { describe, expect, test } from "vitest";

import { decodeEncapsulatedSchema, decodeMessage } from "../../src/arrow/message.ts";
import { typeName } from "../../src/arrow/type.ts";
import type { FlightData } from "../../src/flight/protocol/messages.ts";
import { splitStream } from "../support/arrow/arrow-messages.ts";

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
    const decoded = decodeMessage(schemaAndBatch()[0]);
    expect(
      decoded?.kind === "schema" &&
        decoded.schema.fields.map((field) => `${field.name}: ${typeName(field.type)}`),
    ).toEqual(["block: Int64", "name: Utf8"]);
  });

  test("a record batch: lengths and buffers into the body, nothing copied where it is aligned", () => {
    const [, message] = schemaAndBatch();
    const body = new Uint8Array(message.body); // at offset 0
    const decoded = decodeMessage({ ...message, body });
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
    const shifted = new Uint8Array(message.body.length + 3);
    shifted.set(message.body, 3);
    const decoded = decodeMessage({ ...message, body: shifted.subarray(3) });
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
    expect(decodeMessage({ header: empty, body: empty })).toBeNull();
  });

  test("a dictionary", () => {
    const dictionary = vectorFromArray(["a", "b", "a"], new Dictionary(new Utf8(), new Int32()));
    const messages = splitStream(streamOf(new Table({ name: dictionary })));
    const found = messages.map(decodeMessage).find((message) => message?.kind === "dictionary");
    expect(found?.dictionary).toMatchObject({ isDelta: false, batch: { rowCount: 2 } });
    const memory = messages.map(({ body }) => body.buffer);
    expect(memory).not.toContain(found?.dictionary.batch.body.buffer); // It outlives its message.
  });

  test("bytes that are no Arrow message are refused with SY101, whatever they are", () => {
    const [schema] = schemaAndBatch();
    for (let cut = 1; cut < schema.header.length; cut += 7) {
      try {
        decodeMessage({ ...schema, header: schema.header.subarray(0, cut) });
      } catch (error) {
        expect(error).toEqual(sy("SY101"));
      }
    }
    expect(() => decodeMessage({ ...schema, header: Uint8Array.of(1, 2, 3) })).toThrow(sy("SY101"));
  });
});

/** A schema of `count` timestamps that share one name and one zone. */
function sharedTexts(count: number, name: string, zone: string): FlightData {
  const builder = new Builder();
  const nameAt = builder.createString(name);
  const zoneAt = builder.createString(zone);
  const typeAt = Timestamp.createTimestamp(builder, TimeUnit.SECOND, zoneAt);
  const fields = Array.from({ length: count }, () => {
    FbField.startField(builder);
    FbField.addName(builder, nameAt);
    FbField.addTypeType(builder, Type.Timestamp);
    FbField.addType(builder, typeAt);
    return FbField.endField(builder);
  });
  const fieldsAt = FbSchema.createFieldsVector(builder, fields);
  FbSchema.startSchema(builder);
  FbSchema.addFields(builder, fieldsAt);
  const schemaAt = FbSchema.endSchema(builder);
  FbMessage.startMessage(builder);
  FbMessage.addVersion(builder, MetadataVersion.V5);
  FbMessage.addHeaderType(builder, MessageHeader.Schema);
  FbMessage.addHeader(builder, schemaAt);
  FbMessage.finishMessageBuffer(builder, FbMessage.endMessage(builder));
  const nothing = new Uint8Array();
  return { header: builder.asUint8Array(), appMetadata: nothing, body: nothing };
}

describe("a header that is read as many times itself", () => {
  test.each([
    ["name", "n".repeat(1_000_000), ""],
    ["zone", "", "Europe/".padEnd(1_000_000, "x")],
    ["name of 200 bytes", "n".repeat(200), ""],
  ])("9,000 fields that share one %s are SY106, with the limit", (_, name, zone) => {
    expect(() => decodeMessage(sharedTexts(9000, name, zone))).toThrow(
      expect.objectContaining({
        code: "SY106",
        message: expect.stringMatching(/^The names of a schema take \d+ bytes, and the limit is 1048576$/),
      }),
    );
  });

  test("names of the usual length are read, however many", () => {
    const decoded = decodeMessage(sharedTexts(9000, "n".repeat(60), "UTC"));
    expect(decoded?.kind === "schema" && decoded.schema.fields.length).toBe(9000);
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
  const decoded = splitStream(readFileSync(file)).map(decodeMessage);
  expect(decoded[0]?.kind).toBe("schema");
  const rows = decoded.map((each) => (each?.kind === "batch" ? each.batch.rowCount : 0));
  expect(rows.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0);
});
