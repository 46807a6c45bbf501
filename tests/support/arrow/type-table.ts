import { type ArrowField, type ArrowType, type ArrowUnit, typeName } from "../../../src/arrow/type.ts";
import { planTable } from "../../../src/encoder/plan.ts";
import { AmpsyncError } from "../../../src/errors.ts";

const field = (type: ArrowType, nullable = true, name = "item"): ArrowField => ({ name, nullable, type });
const int = (bits: 8 | 16 | 32 | 64, signed: boolean) => ({ kind: "int", bits, signed }) as const;
const units: readonly ArrowUnit[] = ["s", "ms", "µs", "ns"];
const utf8: ArrowType = { kind: "utf8", layout: "offsets" };
const int32 = int(32, true);
const pair: ArrowType = { kind: "fixedSizeList", size: 2, item: field(int32) };
const struct: ArrowType = { kind: "struct", fields: [field(int32, true, "a")] };
const list = (item: ArrowType, nullable = true): ArrowType => ({
  kind: "list",
  layout: "offsets",
  item: field(item, nullable),
});

/** Types that are stored alike, what they look like inside JSON, and what is worth knowing. */
const ROWS: readonly {
  readonly types: readonly ArrowType[];
  readonly json: string;
  readonly notes: string;
}[] = [
  { types: [{ kind: "null" }], json: "`null`", notes: "always NULL" },
  { types: [{ kind: "bool" }], json: "boolean", notes: "" },
  { types: [int(8, true), int(8, false), int(16, true)], json: "number", notes: "" },
  { types: [int(16, false), int32], json: "number", notes: "" },
  { types: [int(32, false)], json: "number", notes: "" },
  { types: [int(64, true)], json: "string", notes: "" },
  { types: [int(64, false)], json: "string", notes: "`_block_num` itself is `bigint`" },
  {
    types: [
      { kind: "float", bits: 16 },
      { kind: "float", bits: 32 },
    ],
    json: 'number, `"NaN"`, `"Infinity"`, `"-Infinity"`',
    notes: "bits are kept",
  },
  { types: [{ kind: "float", bits: 64 }], json: "as above", notes: "bits are kept" },
  ...(
    [
      [32, 9, 2],
      [64, 18, 0],
      [128, 38, 18],
      [256, 76, 0],
    ] as const
  ).map(([bits, precision, scale]) => ({
    types: [{ kind: "decimal", bits, precision, scale } as const],
    json: "string",
    notes: "a value over its precision is a bad value",
  })),
  {
    types: [{ kind: "decimal", bits: 128, precision: 5, scale: -7 }],
    json: "string",
    notes: "the zeros of a negative scale are written out",
  },
  { types: [{ kind: "decimal", bits: 128, precision: 3, scale: 5 }], json: "string", notes: "" },
  {
    types: (["offsets", "large", "view"] as const).map((layout) => ({ kind: "utf8", layout })),
    json: "string",
    notes: "U+0000 by `nul_policy`; invalid UTF-8 is a bad value",
  },
  {
    types: [
      ...(["offsets", "large", "view"] as const).map((layout): ArrowType => ({ kind: "binary", layout })),
      { kind: "fixedSizeBinary", width: 32 },
    ],
    json: '`"0x…"`',
    notes: "256 MiB or more is a bad value",
  },
  { types: [{ kind: "date", unit: "day" }], json: "ISO 8601", notes: "4714-11-24 BC to 5874897-12-31" },
  { types: [{ kind: "date", unit: "ms" }], json: "ISO 8601", notes: "anything but midnight is a bad value" },
  {
    types: units.map((unit) => ({ kind: "time", unit })),
    json: "ISO 8601, all digits",
    notes: "nanoseconds are rounded down; up to 24:00:00",
  },
  {
    types: units.map((unit) => ({ kind: "timestamp", unit, zone: "UTC" })),
    json: "ISO 8601, all digits, `Z`",
    notes: "from any zone: the instant is kept; nanoseconds are rounded down",
  },
  {
    types: units.map((unit) => ({ kind: "timestamp", unit, zone: null })),
    json: "ISO 8601, all digits",
    notes: "nanoseconds are rounded down; 4713 BC to 294276",
  },
  {
    types: units.map((unit) => ({ kind: "duration", unit })),
    json: "ISO 8601 period",
    notes: "in microseconds only; nanoseconds are rounded down",
  },
  {
    types: (["yearMonth", "dayTime", "monthDayNano"] as const).map((unit) => ({ kind: "interval", unit })),
    json: "ISO 8601 period",
    notes: "months, days and microseconds stay separate; nanoseconds are rounded down",
  },
  {
    types: [
      ...(["offsets", "large", "view", "largeView"] as const).map(
        (layout): ArrowType => ({ kind: "list", layout, item: field(int32) }),
      ),
      pair,
    ],
    json: "array",
    notes: "items of any type above",
  },
  {
    types: [list(pair, false)],
    json: "array",
    notes: "inner lists of one size that are never NULL, up to 6 dimensions",
  },
  { types: [list(list(int32)), list(pair)], json: "array", notes: "all other lists of lists" },
  { types: [struct], json: "object", notes: "" },
  {
    types: [{ kind: "map", key: field(utf8, false, "key"), value: field(int32, true, "value") }],
    json: "object",
    notes: "a key that occurs twice is a bad value",
  },
  {
    types: [{ kind: "map", key: field(int32, false, "key"), value: field(int32, true, "value") }],
    json: 'array of `{"key": …, "value": …}`',
    notes: "for keys that are not text",
  },
  { types: [list(struct)], json: "array", notes: "also of maps" },
  {
    types: [
      { kind: "dictionary", id: 0n, index: int(8, true), value: utf8 },
      { kind: "runEndEncoded", runEnds: int32, value: field(utf8) },
    ],
    json: "as their values",
    notes: "values of any type in this table; decoded",
  },
  {
    types: (["dense", "sparse"] as const).map((mode) => ({ kind: "union", mode, fields: [field(int32)] })),
    json: "not supported",
    notes: "nor is a type that contains one; cast it in the dataset",
  },
];

const MAPPED = ROWS.map(({ types, json, notes }) => ({
  names: types.map((type) => `\`${typeName(type)}\``).join(", "),
  stored: [...new Set(types.map(storedAs))].join(", "),
  json,
  notes,
}));

/** The page of all types, as the plan maps them. */
export function typeTable(): string {
  return [
    "# Types",
    "",
    "## Columns that every table has",
    "",
    "Each table of a dataset becomes a table of the target schema, with these columns before its own:",
    "",
    "| column | meaning |",
    "|---|---|",
    "| `_id bytea primary key` | 6 bytes of block number, then 10 bytes of a hash of the row: the same row always has the same `_id`, and newer rows append to the index |",
    "| `_tx_id bigint`, `_row_index integer` | instead of `_id` with [`identity => 'transaction'`](operations.md#rows-with-_tx_id-and-_row_index): the microbatch that brought the row, and its position there |",
    "| `_block_num_start`, `_block_num_end bigint` | the row's own block; for a table without `_block_num` the block range that the row came with |",
    "| `_block_num bigint` | the row's own block, where the server offers it |",
    "",
    "## Columns of the dataset",
    "",
    "This table is made by `npm run generate` from the plan that creates the tables and encodes the rows.",
    "Extension types are stored as their storage type.",
    "",
    "| Arrow | PostgreSQL | inside JSON | |",
    "|---|---|---|---|",
    ...MAPPED.map(({ names, stored, json, notes }) => `| ${names} | ${stored} | ${json} | ${notes} |`),
    "",
    "## Rounding",
    "",
    "PostgreSQL stores microseconds. Nanoseconds are rounded down, towards minus infinity, in times, timestamps, durations",
    "and intervals, in columns and in arrays alike: 1999 ns become 1 µs, -1 ns becomes -1 µs, and one nanosecond before",
    "1970 is `1969-12-31 23:59:59.999999`. So the order of values is kept, and equal values stay equal. Of an",
    "`Interval(MonthDayNano)` only the nanoseconds are rounded, and nothing is carried into days or months. A negative time",
    "of day is a bad value, however small. Inside JSON all digits are kept and nothing is rounded.",
    "",
  ].join("\n");
}

function storedAs(type: ArrowType): string {
  try {
    return `\`${planTable("t", { fields: [field(type)] }).columns[0]!.type}\``;
  } catch (error) {
    if (error instanceof AmpsyncError && error.code === "SY202") {
      return "refused (SY202)";
    }
    throw error;
  }
}
