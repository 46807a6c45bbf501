import { describe, expect, test } from "vitest";

import { parseMetadata } from "../../src/flight/metadata.ts";

const HASH = `0x${"9a".repeat(32)}`;
const PARENT = `0x${"93".repeat(32)}`;
const ZERO = `0x${"0".repeat(64)}`;

function bytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));
}

function range(overrides: Record<string, unknown> = {}): Record<string, unknown> {
  return { numbers: { start: 5, end: 9 }, network: "mainnet", hash: HASH, prev_hash: PARENT, ...overrides };
}

function parsed(overrides: Record<string, unknown>) {
  return parseMetadata(bytes({ ranges: [range(overrides)], ranges_complete: false }));
}

describe("the metadata of a record batch", () => {
  test("a range of a server of 2026", () => {
    const metadata = parseMetadata(
      bytes({ ranges: [range({ timestamp: 1655778500 })], ranges_complete: true }),
    );
    expect(metadata).toEqual({
      ranges: [
        { network: "mainnet", start: 5n, end: 9n, hash: HASH, prevHash: PARENT, timestamp: 1655778500 },
      ],
      complete: true,
    });
  });

  test("block numbers end where `_id` and the block after the last one still fit", () => {
    expect(parsed({ numbers: { start: 5, end: 2 ** 48 - 2 } })?.ranges[0]?.end).toBe(2n ** 48n - 2n);
    for (const end of [2 ** 48 - 1, 2 ** 48, 2 ** 53]) {
      expect(() => parsed({ numbers: { start: 5, end } })).toThrow(
        expect.objectContaining({ code: "SY101" }),
      );
    }
  });

  test("no bytes are no metadata", () => {
    expect(parseMetadata(new Uint8Array())).toBeNull();
  });

  test("no ranges: the table has no data yet", () => {
    expect(parseMetadata(bytes({ ranges: [], ranges_complete: true }))).toEqual({
      ranges: [],
      complete: true,
    });
  });

  test("several ranges are read; whether a stream may have them is not decided here", () => {
    const two = { ranges: [range(), range({ network: "base" })], ranges_complete: false };
    expect(parseMetadata(bytes(two))?.ranges).toHaveLength(2);
  });

  test("unknown keys are ignored", () => {
    expect(parsed({ finality: "safe" })?.ranges[0]).not.toHaveProperty("finality");
  });

  test("hashes and networks become lower case", () => {
    const [one] = parsed({ hash: HASH.toUpperCase().replace("0X", "0x"), network: "MainNet" })!.ranges;
    expect(one).toMatchObject({ hash: HASH, network: "mainnet" });
  });

  test("a parent hash may be null, on servers of 2025", () => {
    expect(parsed({ prev_hash: null })?.ranges[0]?.prevHash).toBeNull();
  });

  test("validation, prev_hash at genesis: block 0 has zeros or nothing as its parent", () => {
    expect(parsed({ numbers: { start: 0, end: 9 }, prev_hash: ZERO })?.ranges[0]?.prevHash).toBe(ZERO);
    expect(parsed({ numbers: { start: 0, end: 9 }, prev_hash: undefined })?.ranges[0]?.prevHash).toBeNull();
  });

  test("a time that is no whole number is an unknown time", () => {
    expect(parsed({ timestamp: "yesterday" })?.ranges[0]?.timestamp).toBeNull();
  });

  const rounded = JSON.stringify({ ranges: [range()], ranges_complete: false }).replace(
    '"end":9',
    '"end":9007199254740993',
  );
  const broken: Record<string, unknown> = {
    "a number that JSON.parse rounds": rounded,
    "no JSON": "ranges",
    "an array": [],
    null: "null",
    "ranges that are no array": { ranges: {}, ranges_complete: true },
    "no ranges_complete": { ranges: [] },
    "ranges_complete as a number": { ranges: [], ranges_complete: 1 },
    "a range that is no object": { ranges: [7], ranges_complete: true },
    ...Object.fromEntries(
      Object.entries({
        "no numbers": { numbers: undefined },
        "a start behind the end": { numbers: { start: 10, end: 9 } },
        "a negative start": { numbers: { start: -1, end: 9 } },
        "a fraction": { numbers: { start: 5.5, end: 9 } },
        "a number as text": { numbers: { start: "5", end: 9 } },
        "a hash of 31 bytes": { hash: HASH.slice(0, -2) },
        "a hash without 0x": { hash: HASH.slice(2) },
        "no hash": { hash: undefined },
        "a parent hash that is no hash": { prev_hash: "0x00" },
        "validation, prev_hash at genesis: a parent of block 0": { numbers: { start: 0, end: 9 } },
        "validation, prev_hash after genesis: a zero parent of a later block": { prev_hash: ZERO },
        "an empty network": { network: "" },
        "a network that no header can carry": { network: "main\nnet" },
      }).map(([name, overrides]) => [name, { ranges: [range(overrides)], ranges_complete: true }]),
    ),
  };
  for (const [name, value] of Object.entries(broken)) {
    test(`${name} is refused with SY101`, () => {
      expect(() => parseMetadata(bytes(value))).toThrow(expect.objectContaining({ code: "SY101" }));
    });
  }

  test("bytes that are no UTF-8 are refused", () => {
    expect(() => parseMetadata(Uint8Array.of(0x22, 0xff, 0x22))).toThrow(
      expect.objectContaining({ code: "SY101" }),
    );
  });

  test.each([
    ["nested deeper than 64", `${"[".repeat(65)}${"]".repeat(65)}`],
    ["of more than 10,000 values", `[${"0,".repeat(10_000)}0]`],
  ])("what is %s is refused before it is parsed", (_, unknown) => {
    const text = JSON.stringify({ ranges: [], ranges_complete: true });
    const withUnknown = (value: string) => bytes(`${text.slice(0, -1)},"unknown":${value}}`);
    expect(parseMetadata(withUnknown("[[0,1]]"))).toEqual({ ranges: [], complete: true });
    expect(() => parseMetadata(withUnknown(unknown))).toThrow(expect.objectContaining({ code: "SY101" }));
  });

  test("more than 1 MiB is refused before it is parsed", () => {
    const padded = bytes(
      `${JSON.stringify({ ranges: [], ranges_complete: true })}${" ".repeat(1024 * 1024)}`,
    );
    expect(() => parseMetadata(padded)).toThrow(
      expect.objectContaining({ detail: expect.stringContaining("limit") }),
    );
  });
});
