import { describe, expect, test } from "vitest";

import { cleanText } from "../../src/model/foreign-text.ts";

describe("text of others", () => {
  test.each([
    ["plain text", "no such table: 表 🦀", "no such table: 表 🦀"],
    ["U+0000", "a\0b", "a\u{fffd}b"],
    ["the first half of a surrogate pair", "a\ud83e", "a\u{fffd}"],
    ["the second half of one", "\udd80b", "\u{fffd}b"],
    ["nothing", "", ""],
  ])("%s can be stored", (_, text, clean) => {
    expect(cleanText(text)).toBe(clean);
  });

  test.each([
    ["abcde", "abc…"],
    ["abc", "abc"],
    ["🦀🦀🦀", "🦀🦀🦀"],
    ["🦀🦀🦀🦀", "🦀🦀🦀…"],
    ["ab🦀🦀", "ab🦀…"],
    ["a🦀b🦀", "a🦀b…"],
    ["🦀🦀🦀\ud83e", "🦀🦀🦀…"],
  ])("%s is cut to three characters, never through one", (text, cut) => {
    expect(cleanText(text, 3)).toBe(cut);
  });

  test("is bounded, however long it is", () => {
    expect([...cleanText("🦀".repeat(5_000_000))]).toHaveLength(4001);
  });
});
