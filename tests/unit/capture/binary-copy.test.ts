import { expect, test } from "vitest";

import { BinaryCopy } from "../../../src/capture/binary-copy.ts";

const HEADER = Buffer.from("PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0", "latin1");
const END = Buffer.from([0xff, 0xff]);

function row(...values: readonly Buffer[]): Buffer {
  const count = Buffer.alloc(2);
  count.writeInt16BE(values.length);
  const fields = values.map((value) => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(value.length);
    return Buffer.concat([length, value]);
  });
  return Buffer.concat([count, ...fields]);
}

const rows = [
  [Buffer.from("12345678"), Buffer.from("BEGIN")],
  [Buffer.from("87654321"), Buffer.alloc(0)],
  [Buffer.alloc(0), Buffer.from([0, 255, 10, 9, 92])],
];
const bytes = Buffer.concat([HEADER, ...rows.map((values) => row(...values)), END]);

test.each([1, 2, 3, 7, 19, 1000])("rows are the same from pieces of %i bytes", (length) => {
  const copy = new BinaryCopy(2);
  const found: (readonly Buffer[])[] = [];
  for (let at = 0; at < bytes.length; at += length) found.push(...copy.add(bytes.subarray(at, at + length)));
  expect(found).toEqual(rows);
});

test.each([
  ["another form", Buffer.from("COPY, which is text of some length")],
  ["other columns", Buffer.concat([HEADER, row(Buffer.from("1"))])],
  ["a row without a value", Buffer.concat([HEADER, Buffer.from([0, 2, 255, 255, 255, 255])])],
])("%s is refused", (_, found) => {
  expect(() => [...new BinaryCopy(2).add(found)]).toThrow(expect.objectContaining({ code: "SY404" }));
});

test("a row of 64 MiB in small pieces is put together once", () => {
  const piece = Buffer.alloc(64 * 1024, 120);
  const copy = new BinaryCopy(2);
  const length = Buffer.alloc(4);
  length.writeInt32BE(1024 * piece.length);
  expect([...copy.add(Buffer.concat([HEADER, Buffer.from([0, 2, 0, 0, 0, 0]), length]))]).toEqual([]);
  for (let n = 1; n < 1024; n++) expect([...copy.add(piece)]).toHaveLength(0);
  const [[, value]] = [...copy.add(piece)] as unknown as [[Buffer, Buffer]];
  expect(value.length).toBe(1024 * piece.length);
});
