import { expect, test } from "vitest";

import { count, duration, roundCount, textTable, wrapped } from "../../src/cli/table.ts";

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

test.each([
  [9_999_999n, "9,999,999"],
  [12_345_678n, "12.3M"],
  [999_999_999n, "999M"],
  [1_234_567_890n, "1.23G"],
  [1_000_000_000_000n, "1.00T"],
  [0.04, "0"],
  [null, "–"],
])("%s is rounded to %s", (value, text) => {
  expect(roundCount(value)).toBe(text);
});

test("a table that is too wide loses columns, then the middle of its names", () => {
  const row = { table: "edge_mainnet.transactions", state: "live", block: "19,000,000", rows: "1,234,567" };
  const optional = ["rows", "state"];
  expect(textTable([row], { width: 47, optional }).split("\n")[1]).toBe(
    "edge_mainnet.transactions  live   19,000,000",
  );
  expect(textTable([row], { width: 37, optional }).split("\n")[1]).toBe(
    "edge_mainnet.transactions  19,000,000",
  );
  expect(textTable([row], { width: 30, optional }).split("\n")).toEqual([
    "table                    block",
    "edge_main…sactions  19,000,000",
  ]);
});

test("text is wrapped between words, and what has no blanks stays in one piece", () => {
  expect(wrapped("one two three four", 9, "  ")).toBe("  one two\n  three\n  four");
  expect(wrapped("https://a.example/very/long and more", 10, "")).toBe(
    "https://a.example/very/long\nand more",
  );
});
