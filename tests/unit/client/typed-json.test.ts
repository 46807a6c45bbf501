import { expect, test } from "vitest";

import { fromTypedJson, toTypedJson } from "../../../src/client/typed-json.ts";

test("a result is the same after it was kept, whatever its types", () => {
  const result = {
    big: 9_223_372_036_854_775_807n,
    time: new Date("2026-11-28T12:00:00.123Z"),
    bytes: new Uint8Array([0, 15, 255]),
    numbers: [1.5, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0],
    nothing: [null, undefined],
    json: { $: ["bigint", "1"], nested: { $: { $: "deep" } } },
    text: '{"$": ["date", "0"]}',
  };
  expect(fromTypedJson(toTypedJson(result))).toEqual(result);
});
