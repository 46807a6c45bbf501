import { expect, test } from "vitest";

import { Collection } from "../../src/devserver/http/records/collection.ts";
import type { Oddities } from "../../src/devserver/http/records/oddities.ts";
import { STYLES, type StyleName } from "../../src/devserver/http/styles.ts";

/** The texts of so many records with these oddities. */
function texts(count: number, oddities: Oddities, style: StyleName = "events"): readonly string[] {
  const collection = new Collection();
  collection.append(count, { oddities });
  return collection.items.map((item) => STYLES[style].render(item, 1));
}

test.each<[string, Oddities, RegExp]>([
  ["a time that is null", { nullTime: 2 }, /"updated_at":null/],
  ["a time that is none", { badTime: 2 }, /"updated_at":"not a time"/],
  ["a key that is null", { nullKey: 2 }, /^\{"id":null/],
  ["a number of 23 digits", { bigInteger: 2 }, /"amount":\d{23},/],
  ["a new field", { newField: 2 }, /"campaign":"c1"/],
  ["a field of another type", { retyped: 2 }, /"amount":"twelve"/],
  ["an object that is a map", { map: 2 }, /"counters":\{"k1":1,"k2":2\}/],
  ["keys of its own", { keys: 2 }, /"k1":1/],
  ["an escaped NUL", { nul: 2 }, /"note":"a\\u0000b"/],
  ["a lone surrogate", { surrogate: 2 }, /"note":"a\\ud800b"/],
  ["what only looks like a NUL", { noNul: 2 }, /"note":"a\\\\u0000b"/],
  ["a character beyond ASCII", { umlaut: 2 }, /"note":"Grüße"/],
  ["a number beyond those of PostgreSQL", { notJsonb: 2 }, /"amount":1e999999/],
  ["what is no JSON", { notJson: 2 }, /"amount":NaN/],
  ["a missing comma", { missingComma: 2 }, /"amount":1\.5 "tax":0\.5/],
])("each n-th record has %s, the others have not", (_, oddities, expected) => {
  const found = texts(4, oddities).map((text) => expected.test(text));
  // The names in them tell the second record from the fourth.
  expect(found.slice(0, 3)).toEqual([false, true, false]);
});

test("each n-th record lacks its time, or its key", () => {
  expect(texts(2, { absentTime: 2 }).map((text) => text.includes('"updated_at"'))).toEqual([true, false]);
  expect(texts(2, { absentKey: 2 }).map((text) => text.includes('"id"'))).toEqual([true, false]);
});

test("records can be odd from one of them on", () => {
  const found = texts(6, { newField: { every: 1, from: 4 } }).map((text) => text.includes("campaign"));
  expect(found).toEqual([false, false, false, false, true, true]);
});

test("times come in five forms that mean the same kind of moment", () => {
  const times = texts(5, { mixedTimes: 1 }).map((text) => JSON.parse(text).updated_at);
  expect(times).toEqual([
    "2024-01-01T00:00:00.000Z",
    "2024-01-01T00:00:01.000123+00:00",
    "2024-01-01 00:00:02.000",
    1704067203000,
    1704067204,
  ]);
});

test("only what is no JSON on purpose is no JSON, in every style", () => {
  for (const style of Object.keys(STYLES)) {
    const odd = {
      nullTime: 2,
      absentKey: 3,
      mixedTimes: 1,
      bigInteger: 4,
      nul: 5,
      surrogate: 6,
      map: 7,
      noNul: 8,
    };
    // A key of STYLES.
    for (const text of texts(100, odd, style as StyleName))
      expect(() => JSON.parse(text), text).not.toThrow();
  }
  expect(() => JSON.parse(texts(1, { missingComma: 1 })[0]!)).toThrow();
});

test("the records of the events style are about as long as those that are measured", () => {
  const lengths = texts(1000, {}).map((text) => text.length);
  const mean = lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
  expect(mean).toBeGreaterThan(220);
  expect(mean).toBeLessThan(260);
});

test("late records are older than the newest, and the next ones are not", () => {
  const collection = new Collection();
  collection.append(10);
  collection.append(1, { lateMs: 3000 });
  collection.append(1);
  const times = collection.items.map(({ madeAt }) => madeAt);
  expect(times[10]! - times[9]!).toBe(-3000);
  expect(times[11]! - times[9]!).toBe(1000);
});

test("a record that changes has a new version, text and time, and keeps its place", () => {
  const collection = new Collection();
  collection.append(1);
  const [before] = collection.items;
  collection.change(1, 1);
  const [after] = collection.items;
  expect(after).toMatchObject({ serial: 0, version: 2, madeAt: before!.madeAt });
  expect(after!.changedAt).toBeGreaterThan(before!.changedAt);
  expect(STYLES.events.render(after!, 1)).not.toBe(STYLES.events.render(before!, 1));
});
