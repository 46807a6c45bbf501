import { expect, test } from "vitest";
import { readOracle } from "../support/arrow/golden-oracle.ts";

const file = (type: object, ...data: string[]) =>
  `{"schema": {"fields": [{"name": "x", "type": ${JSON.stringify(type)}, "children": []}]},
    "batches": [{"columns": [{"name": "x", "count": ${data.length}, "DATA": [${data.join(", ")}]}]}]}`;

test("integers of 64 bits keep all digits, with and without quotes", () => {
  const nano = (count: string) => `{"months": 1, "days": -1, "nanoseconds": ${count}}`;
  const interval = { name: "interval", unit: "MONTH_DAY_NANO" };
  const counts = ["8176523337186342753", "-8176523337186342753", '"8176523337186342753"', "-1"];
  expect(readOracle(file(interval, ...counts.map(nano))).batches[0]![0]).toEqual([
    [1, -1, 8_176_523_337_186_342_753n],
    [1, -1, -8_176_523_337_186_342_753n],
    [1, -1, 8_176_523_337_186_342_753n],
    [1, -1, -1n],
  ]);
  for (const name of ["timestamp", "duration"]) {
    const type = { name, unit: "NANOSECOND" };
    expect(readOracle(file(type, "-8176523337186342753")).batches[0]![0]).toEqual([
      -8_176_523_337_186_342_753n,
    ]);
  }
});

test("floats stay numbers, however large", () => {
  const double = { name: "floatingpoint", precision: "DOUBLE" };
  expect(readOracle(file(double, "1e300", "-9007199254740993", "0.1")).batches[0]![0]).toEqual([
    1e300, -9_007_199_254_740_992, 0.1,
  ]);
});
