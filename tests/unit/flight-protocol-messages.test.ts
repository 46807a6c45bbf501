import { describe, expect, test } from "vitest";

import {
  decodeAny,
  decodeCommandStatementQuery,
  decodeFlightDescriptor,
  encodeFlightData,
  encodeFlightInfo,
} from "../../src/devserver/flight/messages.ts";
import { AmpsyncError } from "../../src/errors.ts";
import {
  decodeFlightData,
  decodeFlightInfo,
  decodeTicket,
  encodeStatement,
  encodeTicket,
  STATEMENT_QUERY_URL,
} from "../../src/flight/protocol/messages.ts";
import { MessageWriter } from "../../src/flight/protocol/wire.ts";

const STREAM_SQL = 'SELECT * FROM "_/anvil_rpc@0.0.0".blocks SETTINGS stream = true';
const SELECT_1_CMD =
  "0a43747970652e676f6f676c65617069732e636f6d2f6172726f772e666c696768742e70726f746f636f6c2e73716c2e" +
  "436f6d6d616e6453746174656d656e745175657279120a0a0853454c4543542031";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const bytes = (...values: number[]) => Uint8Array.from(values);

describe("the bytes of the protocol specification", () => {
  test("a short statement becomes the golden descriptor", () => {
    const descriptor = encodeStatement("SELECT 1");
    expect(hex(descriptor)).toBe(`08021251${SELECT_1_CMD}`);
    expect(hex(decodeFlightDescriptor(descriptor).cmd)).toBe(SELECT_1_CMD);
  });

  test("a statement whose command is longer than 127 bytes gets a two-byte length", () => {
    const encoded = encodeStatement(STREAM_SQL);
    expect(encoded.length).toBe(141);
    expect(hex(encoded.subarray(0, 5))).toBe("0802128801");
    expect(hex(encoded.subarray(5 + 69))).toBe(
      "12410a3f53454c454354202a2046524f4d20225f2f616e76696c5f72706340302e302e30222e626c6f636b732053455454494e4753" +
        "2073747265616d203d2074727565",
    );
  });

  test("unknown totals are minus one, ten bytes each", () => {
    const encoded = encodeFlightInfo({
      schema: new Uint8Array(0),
      descriptor: new Uint8Array(0),
      tickets: [],
    });
    expect(hex(encoded)).toBe("20ffffffffffffffffff0128ffffffffffffffffff01");
  });

  test("the body of a FlightData is field 1000", () => {
    const encoded = encodeFlightData({
      header: new Uint8Array(0),
      appMetadata: new Uint8Array(0),
      body: bytes(7),
    });
    expect(hex(encoded)).toBe("c23e0107");
  });
});

describe("what is encoded is decoded", () => {
  test("a statement", () => {
    const descriptor = decodeFlightDescriptor(encodeStatement(STREAM_SQL));
    const command = decodeAny(descriptor.cmd);
    expect(descriptor.type).toBe(2);
    expect(command.typeUrl).toBe(STATEMENT_QUERY_URL);
    expect(decodeCommandStatementQuery(command.value)).toBe(STREAM_SQL);
  });

  test("a FlightInfo", () => {
    const schema = bytes(255, 255, 255, 255);
    const tickets = [bytes(1, 2), bytes()];
    const encoded = encodeFlightInfo({ schema, descriptor: encodeStatement("SELECT 1"), tickets });
    expect(structuredClone(decodeFlightInfo(encoded))).toEqual({ schema, tickets });
  });

  test("a FlightInfo of another server, with places and without tickets", () => {
    const place = new MessageWriter().message(2, new MessageWriter().text(1, "grpc://127.0.0.1:1").finish());
    const encoded = new MessageWriter()
      .bytes(1, bytes(7))
      .message(3, place.finish())
      .message(3, bytes())
      .int64(4, 9007199254740993n)
      .finish();
    expect(structuredClone(decodeFlightInfo(encoded))).toEqual({ schema: bytes(7), tickets: [null, null] });
  });

  test("a ticket", () => {
    expect([...decodeTicket(encodeTicket(bytes(0, 255)))]).toEqual([0, 255]);
  });

  test("a FlightData, its body without a copy", () => {
    const encoded = encodeFlightData({
      header: bytes(1),
      appMetadata: bytes(2, 2),
      body: bytes(3, 3, 3),
    });
    const decoded = decodeFlightData(encoded);
    expect([...decoded.header, ...decoded.appMetadata, ...decoded.body]).toEqual([1, 2, 2, 3, 3, 3]);
    expect(decoded.body.buffer).toBe(encoded.buffer);
  });
});

describe("bytes that are no message raise SY101", () => {
  const broken: readonly (readonly [string, Uint8Array])[] = [
    ["a tag without its value", bytes(0x08)],
    ["a length beyond the end", bytes(0x12, 0x05, 1)],
    ["a length of 2^64 - 1", bytes(0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01)],
    ["a varint of eleven bytes", bytes(0x08, ...Array(10).fill(0x80), 1)],
    ["field number 0", bytes(0x00, 0x00)],
    ["a group", bytes(0x0b)],
    ["a number where bytes belong", bytes(0x10, 0x01)],
    ["a cut fixed64", bytes(0x29, 1, 2, 3)],
  ];

  test.each(broken)("%s", (_, message) => {
    expect(() => decodeFlightDescriptor(message)).toThrow(AmpsyncError);
    expect(() => decodeFlightDescriptor(message)).toThrow(expect.objectContaining({ code: "SY101" }));
  });

  test("a text that is not UTF-8", () => {
    expect(() => decodeAny(bytes(0x0a, 0x01, 0xff))).toThrow(expect.objectContaining({ code: "SY101" }));
  });

  test("more fields than any message has are refused with SY101", () => {
    const many = Buffer.alloc(2 * 70_000);
    for (let at = 0; at < many.length; at += 2) many[at] = 0x0a; // Field 1, no bytes.
    expect(() => decodeFlightData(many)).toThrow(expect.objectContaining({ code: "SY101" }));
  });

  test("unknown fields are skipped, fixed-width ones too", () => {
    const descriptor = decodeFlightDescriptor(
      bytes(0x08, 0x02, 0x79, 1, 2, 3, 4, 5, 6, 7, 8, 0x7d, 1, 2, 3, 4, 0x82, 0x01, 0x01, 9),
    );
    expect(descriptor.type).toBe(2);
  });
});
