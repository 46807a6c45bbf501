import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { UNCHANGED, VALUE_BYTES } from "../../../src/capture/message-bytes.ts";
import { type Message, PgOutputDecoder } from "../../../src/capture/pgoutput.ts";
import { TransactionReader } from "../../../src/capture/transactions.ts";
import { AmpsyncError } from "../../../src/errors.ts";
import { decodeAll, RECORDED_VERSIONS, recorded } from "../../support/capture/recorded-changes.ts";

/** Without what differs from one server to the other. */
function told(message: Message): unknown {
  switch (message.kind) {
    case "begin":
    case "commit":
      return message.kind;
    case "relation":
      return `${message.table} ${message.identity} ${message.columns.map(({ name }) => name).join(" ")}`;
    case "message":
      return `${message.prefix} ${message.content.toString("hex")} ${message.transactional}`;
    case "type":
      return message.name;
    default:
      return { ...message, relation: null, relations: null };
  }
}

describe.each(RECORDED_VERSIONS)("What PostgreSQL %s sent", (version) => {
  const { bytes, tables } = recorded(version);

  test("is read to the last byte, each kind of message", () => {
    const messages = decodeAll(bytes);
    const kinds = new Set(messages.map(({ kind }) => kind));
    const all = [
      "begin",
      "commit",
      "delete",
      "insert",
      "message",
      "relation",
      "truncate",
      "type",
      "update",
    ] as const;
    expect([...kinds].sort()).toEqual(all);
    expect(messages[2]).toMatchObject({
      kind: "relation",
      relation: Number(tables["todos"]),
      schema: "public",
      table: "todos",
      identity: "f",
    });
    expect(messages[3]).toMatchObject({
      row: ["1", `first\n"quoted" \\ ünï€𝄞`, "t", "ok", "x".repeat(3000)],
    });
    const update = messages.filter(({ kind }) => kind === "update")[1];
    expect(update).toMatchObject({ oldKind: "O", row: expect.arrayContaining([UNCHANGED]) });
  });

  test("names the place, the end and the time of each transaction", () => {
    const messages = decodeAll(bytes);
    const begins = messages.filter((message) => message.kind === "begin");
    const commits = messages.filter((message) => message.kind === "commit");
    expect(begins.map(({ commitLsn }) => commitLsn)).toEqual(commits.map(({ commitLsn }) => commitLsn));
    expect(begins.map(({ at }) => at)).toEqual(commits.map(({ at }) => at));
    for (const { commitLsn, endLsn } of commits) expect(endLsn).toBeGreaterThan(commitLsn);
    const xids = begins.map(({ xid }) => xid);
    expect(xids).toEqual(xids.toSorted((one, other) => one - other));
  });

  test("is what the other versions sent of the same changes, but for computed columns from 18 on", () => {
    // They are in the publication there.
    const others = (from: string) =>
      decodeAll(recorded(from).bytes)
        .map(told)
        .filter((message) => !/computed|"(1|4|21)"/.test(JSON.stringify(message)));
    expect(others(version)).toEqual(others("15"));
  });

  test("raises SY404 wherever it is cut off", () => {
    for (const [at, message] of bytes.entries()) {
      const decoder = new PgOutputDecoder();
      for (const before of bytes.slice(0, at)) decoder.decode(before);
      for (let length = 0; length < message.length; length += length < 200 ? 1 : 97) {
        expect(codeOf(() => decoder.decode(message.subarray(0, length)))).toBe("SY404");
      }
      expect(codeOf(() => decoder.decode(Buffer.concat([message, Buffer.from([0])])))).toBe("SY404");
    }
  });

  test("is read or raises SY404, whatever bytes of it are changed", () => {
    const changed = fc.array(fc.tuple(fc.nat(), fc.nat(), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(changed, (changes) => {
        const broken = bytes.map((message) => Buffer.from(message));
        for (const [which, where, byte] of changes) {
          const message = broken[which % broken.length]!;
          message[where % Math.min(message.length, 200)] = byte;
        }
        const decoder = new PgOutputDecoder();
        const reader = new TransactionReader([]);
        const code = codeOf(() => {
          for (const message of broken) reader.add(decoder.decode(message));
        });
        expect([null, "SY404"]).toContain(code);
      }),
      { numRuns: 100 },
    );
  });
});

describe("A decoder", () => {
  const oid = [0, 0, 0, 9];
  const relation = Buffer.from([
    0x52,
    ...oid,
    0x73,
    0,
    0x74,
    0,
    0x66,
    0,
    1,
    1,
    0x63,
    0,
    0,
    0,
    0,
    17,
    255,
    255,
    255,
    255,
  ]);
  const inserted = (...value: number[]) => Buffer.from([0x49, ...oid, 0x4e, 0, 1, ...value]);

  test.each([
    ["rows of a relation that was not described", [inserted(0x6e)]],
    ["values in binary form, which were not asked for", [relation, inserted(0x62, 0, 0, 0, 1, 1)]],
    ["a value of a negative length", [relation, inserted(0x74, 255, 255, 255, 254)]],
    ["text that is not UTF-8", [relation, inserted(0x74, 0, 0, 0, 2, 0xc3, 0x28)]],
    ["a zero byte in a text", [relation, inserted(0x74, 0, 0, 0, 1, 0)]],
    [
      "a row of other columns than those described",
      [relation, Buffer.from([0x49, ...oid, 0x4e, 0, 2, 0x6e, 0x6e])],
    ],
    ["messages of streamed transactions", [Buffer.from([0x53, 0, 0, 0, 1, 1])]],
    ["a commit with flags", [Buffer.from([0x43, 1, ...new Array(24).fill(0)])]],
    ["a truncate of more tables than it names", [Buffer.from([0x54, 0x7f, 255, 255, 255, 0])]],
  ])("refuses %s", (_, messages) => {
    expect(codeOf(() => decodeAll(messages))).toBe("SY404");
  });

  test("takes a replacement character for what it is", () => {
    const value = Buffer.from("a\uFFFDb");
    const messages = decodeAll([relation, inserted(0x74, 0, 0, 0, value.length, ...value)]);
    expect(messages[1]).toMatchObject({ row: ["a\uFFFDb"] });
  });

  test("keeps a byte order mark", () => {
    const value = Buffer.from("\uFEFF\uFFFD");
    const messages = decodeAll([relation, inserted(0x74, 0, 0, 0, value.length, ...value)]);
    expect(messages[1]).toMatchObject({ row: ["\uFEFF\uFFFD"] });
  });

  test("tells the length of a value that is too long to be stored", () => {
    const length = VALUE_BYTES + 1;
    const head = Buffer.from([0x49, ...oid, 0x4e, 0, 1, 0x74, 0, 0, 0, 0]);
    head.writeUInt32BE(length, head.length - 4);
    const messages = decodeAll([relation, Buffer.concat([head, Buffer.alloc(length, 0x61)])]);
    expect(messages[1]).toMatchObject({ row: [length] });
  });

  test("reads where a transaction came from", () => {
    const origin = Buffer.concat([Buffer.from([0x4f, 0, 0, 0, 1, 0, 0, 0, 2]), Buffer.from("other\0")]);
    expect(decodeAll([origin])).toEqual([{ kind: "origin", lsn: 0x100000002n, name: "other" }]);
  });
});

/** The code of an error of ours; any other error is one of the test. */
function codeOf(work: () => unknown): string | null {
  try {
    work();
    return null;
  } catch (error) {
    if (error instanceof AmpsyncError) return error.code;
    throw error;
  }
}
