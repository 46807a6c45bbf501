import { expect, test } from "vitest";

import { linesByKey, linesOf, rowsOf } from "../../../src/gateway/copy-text.ts";

test("lines are told apart by their first field, and handed on as they are", () => {
  const copy = '["\\\\\\\\xc0"]\t\\\\x01\tone\\ttwo\n[]\t\\N\t\n["\\\\\\\\xc0"]\t\\\\x02\t\\N\n';
  const lines = linesByKey(copy);
  expect([...lines.keys()]).toEqual(['["\\\\xc0"]', "[]"]);
  expect(linesOf(lines, ['["\\\\xc0"]'])).toBe("\\\\x01\tone\\ttwo\n\\\\x02\t\\N\n");
  expect(linesOf(lines, ["[]", '["\\\\xc0"]'])).toBe("\\N\t\n\\\\x01\tone\\ttwo\n\\\\x02\t\\N\n");
  expect(linesOf(lines, ['["b"]'])).toBe("");
});

test("nothing is no line", () => {
  expect(linesByKey("").size).toBe(0);
  expect(rowsOf("", ["a"])).toEqual([]);
});

test("rows are objects of strings and nulls, with what was escaped as it was", () => {
  const copy = "1\t\\N\ta\\\\b\\n\\t\\rc\\b\\f\\v\n2\t\t\\\\N\n";
  expect(rowsOf(copy, ["id", "n", "t"]).map((row) => JSON.parse(row))).toEqual([
    { id: "1", n: null, t: "a\\b\n\t\rc\b\f\v" },
    { id: "2", n: "", t: "\\N" },
  ]);
});
