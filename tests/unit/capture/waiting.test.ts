import { expect, test } from "vitest";

import { Waiting } from "../../../src/capture/group.ts";
import type { CapturedTransaction } from "../../../src/capture/transactions.ts";

/** As far as what waits looks at it. */
function transaction(callBytes: number, large = false): CapturedTransaction {
  return { callBytes, large } as CapturedTransaction;
}

function sizes(waiting: Waiting): readonly (number | string | null)[] {
  const found: (number | string | null)[] = [];
  for (let group = waiting.take(); group !== null; group = waiting.take()) {
    found.push("idle" in group ? group.idle.beat : group.transactions.length);
  }
  return found;
}

test.each([
  ["many transactions", 1_000, 1],
  ["many bytes", 3, 1024 * 1024],
  ["one of many bytes", 1, 4 * 1024 * 1024],
])("nothing more is read while %s wait, and something is once they are taken", (_, count, bytes) => {
  const waiting = new Waiting();
  for (let n = 0; n < count; n++) waiting.add(transaction(bytes));
  expect(waiting.isFull).toBe(true);
  sizes(waiting);
  expect(waiting).toMatchObject({ isFull: false, isEmpty: true });
});

test("one call takes so many transactions, so many bytes, and a large one alone", () => {
  const waiting = new Waiting();
  for (let n = 0; n < 600; n++) waiting.add(transaction(1));
  for (let n = 0; n < 3; n++) waiting.add(transaction(500 * 1024));
  waiting.add(transaction(1, true));
  waiting.add(transaction(1));
  expect(sizes(waiting)).toEqual([500, 102, 1, 1, 1]);
});

test("places next to each other are one, but each beat is answered", () => {
  const waiting = new Waiting();
  for (const beat of [null, "a", null, "a", "b", null]) waiting.add({ lsn: 1n, beat });
  waiting.add(transaction(1));
  for (const beat of [null, null, "c"]) waiting.add({ lsn: 2n, beat });
  expect(sizes(waiting)).toEqual(["a", "b", 1, "c"]);
});
