import { describe, expect, test } from "vitest";

import { decodeFromClient, decodeFromGateway, encode } from "../../../src/wire/codec.ts";
import { FROM_CLIENT, FROM_GATEWAY, OPS } from "./messages.ts";

const frameWith = (op: object) => JSON.stringify({ ...FROM_GATEWAY.frame, ops: [op] });

describe("what is sent is what arrives", () => {
  test.each(Object.entries(FROM_CLIENT))("%s of a client", (_, message) => {
    expect(decodeFromClient(encode(message))).toEqual(message);
  });

  test.each(Object.entries(FROM_GATEWAY))("%s of a gateway", (_, message) => {
    expect(decodeFromGateway(encode(message))).toEqual(message);
  });
});

describe("refused with SY411", () => {
  const client = (message: unknown) => () => decodeFromClient(JSON.stringify(message));

  test("what is no JSON, or no object", () => {
    expect(() => decodeFromClient('{"t":')).toThrow(expect.objectContaining({ code: "SY411" }));
    for (const message of [null, 1, "hello", [], [FROM_CLIENT.busy]]) {
      expect(client(message)).toThrow(expect.objectContaining({ code: "SY411" }));
    }
  });

  test("an unknown t, also one that every object has", () => {
    for (const t of ["goodbye", "toString", "__proto__", 7, undefined]) {
      expect(client({ ...FROM_CLIENT.busy, t })).toThrow(
        expect.objectContaining({ code: "SY411", message: "message.t is not known to this release" }),
      );
    }
  });

  test("a message of the other side", () => {
    expect(client(FROM_GATEWAY.tick)).toThrow(expect.objectContaining({ code: "SY411" }));
    expect(() => decodeFromGateway(encode(FROM_CLIENT.ack))).toThrow(
      expect.objectContaining({ code: "SY411" }),
    );
  });

  test("an unknown op in a frame", () => {
    expect(() => decodeFromGateway(frameWith({ op: "merge", table: "public.todos" }))).toThrow(
      expect.objectContaining({ code: "SY411", message: "message.ops[0].op is not known to this release" }),
    );
  });

  test.each([131, 131.5, "1e3", "+1", "", "0131", " 1", "99999999999999999999", null, undefined])(
    "the position %s, which is not 64 bits in a string",
    (position) => {
      expect(client({ ...FROM_CLIENT.ack, position })).toThrow(
        expect.objectContaining({ code: "SY411", message: "message.position is not a string of digits" }),
      );
    },
  );

  test.each(Object.entries(OPS))("%s without one of its fields that may not be null", (_, op) => {
    const needed = Object.entries(op).filter(([name, value]) => value !== null && name !== "where");
    const mayBeNull = [
      "trim",
      "cut",
      "rows of load",
      "migration",
      "direction",
      "low",
      "rows of check",
      "sum",
    ];
    for (const [name] of needed) {
      if (mayBeNull.includes(name) || mayBeNull.includes(`${name} of ${op.op}`)) continue;
      expect(() => decodeFromGateway(frameWith({ ...op, [name]: undefined })), name).toThrow(
        expect.objectContaining({ code: "SY411" }),
      );
    }
  });

  test("with the place of what is wrong, and never with what was there", () => {
    const secret = "eyJhbGciOiJIUzI1NiJ9";
    for (const message of [
      { ...FROM_CLIENT.hello, token: [secret] },
      { ...FROM_CLIENT.hello, client: secret },
      { ...FROM_CLIENT.hello, t: secret },
      { ...FROM_CLIENT.hello, shapes: [{ ...FROM_CLIENT.hello.shapes[0], params: { a: { secret } } }] },
    ]) {
      expect(client(message)).toThrow(/^message\.[\w.[\]]+ is not /);
      expect(client(message)).not.toThrow(secret);
    }
  });
});

test("unknown fields are ignored, at every depth", () => {
  const { hello } = FROM_CLIENT;
  const shapes = hello.shapes.map((shape) => ({ ...shape, later: 1 }));
  expect(decodeFromClient(JSON.stringify({ ...hello, later: {}, shapes }))).toEqual(hello);
  expect(decodeFromGateway(frameWith({ ...OPS.delete, later: true }))).toEqual({
    ...FROM_GATEWAY.frame,
    ops: [OPS.delete],
  });
});

test("fields that may be missing are null, or an empty list", () => {
  const { awaiting, staged, epoch, ...needed } = FROM_CLIENT.hello;
  expect([awaiting, staged, epoch]).not.toContain(undefined);
  expect(decodeFromClient(JSON.stringify(needed))).toMatchObject({ awaiting: [], staged: null, epoch: null });
});

test("numbers of 64 bits and 20 digits in rows arrive as they were written", () => {
  const rows =
    '[{"id":"9223372036854775807","wei":"115792089237316195423570985008687907853269984665640564039457"}]';
  const frame = decodeFromGateway(frameWith({ ...OPS.upsert, rows }));
  expect(frame).toMatchObject({ ops: [{ rows }] });
});
