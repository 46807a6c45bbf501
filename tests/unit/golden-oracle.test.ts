import { expect, test } from "vitest";

import { readOracle } from "../support/arrow/golden-oracle.ts";

const file = (type: object, ...data: string[]) =>
  `{"schema": {"fields": [{"name": "x", "type": ${JSON.stringify(type)}, "children": []}]},
    "batches": [{"columns": [{"name": "x", "count": ${data.length}, "DATA": [${data.join(", ")}]}]}]}`;

/** The values of a file of one column. */
const read = (field: object, column: object) =>
  readOracle(JSON.stringify({ schema: { fields: [field] }, batches: [{ columns: [column] }] }))
    .batches[0]![0];

const INT16 = { name: "item", type: { name: "int", bitWidth: 16, isSigned: true }, children: [] };

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

test("values of views stand in the view, or in one of its buffers", () => {
  const views = [
    { SIZE: 2, INLINED: "é" },
    { SIZE: 0, INLINED: "" },
    { SIZE: 13, PREFIX_HEX: "7a65686e", BUFFER_INDEX: 1, OFFSET: 2 },
    { SIZE: 13, PREFIX_HEX: "00000000", BUFFER_INDEX: 7, OFFSET: 9 },
  ];
  const buffers = ["00", "ffff7a65686e20556d6c617574652030ff"];
  const column = { count: 4, VALIDITY: [1, 1, 1, 0], VIEWS: views, VARIADIC_DATA_BUFFERS: buffers };
  expect(read({ name: "x", type: { name: "utf8view" }, children: [] }, column)).toEqual([
    "é",
    "",
    "zehn Umlaute ",
    null,
  ]);
  const binary = { ...column, VIEWS: [{ SIZE: 2, INLINED: "c3a9" }, ...views.slice(1)] };
  expect(read({ name: "x", type: { name: "binaryview" }, children: [] }, binary)).toEqual([
    Uint8Array.of(0xc3, 0xa9),
    Uint8Array.of(),
    Uint8Array.from(Buffer.from("zehn Umlaute ")),
    null,
  ]);
});

test.each(["listview", "largelistview"])("items of a %s may overlap and come in any order", (name) => {
  const items = { name: "item", count: 4, VALIDITY: [1, 1, 1, 1], DATA: [1, 2, 3, 4] };
  const column = { count: 4, VALIDITY: [1, 1, 0, 1], OFFSET: ["2", "0", 9, 1], SIZE: [2, "3", 9, 0] };
  expect(read({ name: "x", type: { name }, children: [INT16] }, { ...column, children: [items] })).toEqual([
    [3, 4],
    [1, 2, 3],
    null,
    [],
  ]);
});

test("a run gives its value to each of its rows, NULL too", () => {
  const ends = { name: "run_ends", type: { name: "int", bitWidth: 64, isSigned: true }, children: [] };
  const columns = [
    { name: "run_ends", count: 3, VALIDITY: [1, 1, 1], DATA: ["1", "3", "4"] },
    { name: "values", count: 3, VALIDITY: [1, 0, 1], DATA: [7, 0, 9] },
  ];
  const type = { name: "runendencoded" };
  expect(read({ name: "x", type, children: [ends, INT16] }, { count: 4, children: columns })).toEqual([
    7,
    null,
    null,
    9,
  ]);
});
