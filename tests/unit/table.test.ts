import { expect, test } from "vitest";

import { count, duration, textTable } from "../../src/cli/table.ts";

test("a table has its headings first, numbers to the right and words to the left", () => {
  const table = textTable([
    { table: "eth.blocks", block: "1,000", state: "live" },
    { table: "eth.logs", block: "–", state: "" },
  ]);
  expect(table.split("\n")).toEqual([
    "table       block  state",
    "eth.blocks  1,000  live",
    "eth.logs        –",
  ]);
});

test("a table without rows is empty", () => {
  expect(textTable([])).toBe("");
});

test.each([
  [1_234_567n, "1,234,567"],
  [18_446_744_073_709_551_615n, "18,446,744,073,709,551,615"],
  [0, "0"],
  [1999.6, "2,000"],
  [null, "–"],
])("%s reads as %s", (value, text) => {
  expect(count(value)).toBe(text);
});

test.each([
  [0, "0s"],
  [59.6, "1m 0s"],
  [273, "4m 33s"],
  [3_600, "1h 0m"],
  [86_399, "23h 59m"],
  [200_000, "2d 7h"],
  [null, "–"],
])("%s seconds read as %s", (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});

test("control characters are shown, and do nothing", () => {
  expect(textTable([{ reason: "bad\u001b[2J\nname\u202e" }])).toBe("reason\nbad\\u001b[2J\\u000aname\\u202e");
});
