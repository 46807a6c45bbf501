import { expect, test } from "vitest";

import { release } from "../../src/model/memory.ts";

test("memory that is given back leaves its views empty", () => {
  const bytes = new Uint8Array(1024 * 1024);
  const part = bytes.subarray(5);
  release(part.buffer);
  expect([bytes.length, part.length]).toEqual([0, 0]);
  release(bytes.buffer); // Once more changes nothing.
});

test("memory that Node shares among small buffers stays", () => {
  const one = Buffer.from("one");
  const other = Buffer.from("other");
  release(one.buffer);
  expect([String(one), String(other)]).toEqual(["one", "other"]);
});
