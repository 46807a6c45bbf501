import { expect, test } from "vitest";

import { AmpsyncError } from "../../src/errors.ts";
import { isPoison } from "../../src/model/poison.ts";

const withCode = (code: unknown) => Object.assign(new Error("x"), { code });

test.each(["22003", "22021", "22P03", "23502", "23514", "54000", "54001", "P0001"])(
  "%s is about what is in a row",
  (code) => expect(isPoison(withCode(code))).toBe(true),
);

test.each([
  "22P04",
  "23505",
  "23503",
  "23P01",
  "08P01",
  "40001",
  "53100",
  "57P01",
  "42501",
  "P0002",
  undefined,
  22,
])("%s is not", (code) => expect(isPoison(withCode(code))).toBe(false));

test("nor is what we found ourselves, or what is no error", () => {
  expect(isPoison(new AmpsyncError("SY203", "x"))).toBe(false);
  expect(isPoison("22003")).toBe(false);
});
