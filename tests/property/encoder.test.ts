import * as arrow from "apache-arrow";
import fc from "fast-check";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { planTable } from "../../src/encoder/plan.ts";
import { buildBatch, type Struct, sliceBatch, type TestColumn, type Value } from "../support/arrow.ts";
import { createDatabase, type TestDatabase } from "../support/postgres.ts";
import { load } from "../unit/encoder/load.ts";

const SEED = Number(process.env["AMPSYNC_TEST_SEED"] ?? 1);
const RUNS = Number(process.env["AMPSYNC_TEST_RUNS"] ?? 25);

let database: TestDatabase;
let client: pg.Client;
beforeAll(async () => {
  database = await createDatabase({ empty: true });
  client = await database.client();
});
afterAll(() => database.drop());

/** One type: its values, and the text that PostgreSQL and we, each alone, make of one. */
interface Kind {
  readonly type: arrow.DataType;
  readonly values: fc.Arbitrary<Value>;
  /** The value `x` as text in SQL. */
  readonly sql: string;
  text(value: Value): string;
  /** The value inside JSON. */
  json(value: Value): unknown;
}

const signed = (bits: number) =>
  fc.bigInt({ min: -(2n ** BigInt(bits - 1)), max: 2n ** BigInt(bits - 1) - 1n });
const mixed = (...arbitraries: fc.Arbitrary<bigint>[]) => fc.oneof(...arbitraries);
const small = fc.bigInt({ min: -20n, max: 20n });

function scalar(
  type: arrow.DataType,
  values: fc.Arbitrary<Value>,
  { sql = "x::text", text = String, json = text }: Partial<Pick<Kind, "sql" | "text" | "json">> = {},
): Kind {
  return { type, values, sql, text, json };
}

const hex = (value: Value) =>
  value instanceof Uint8Array ? Buffer.from(value).toString("hex") : String(value);
const bytes = (type: arrow.DataType, length: { minLength?: number; maxLength: number }) =>
  scalar(type, fc.uint8Array(length), {
    sql: "encode(x, 'hex')",
    text: hex,
    json: (value) => `0x${hex(value)}`,
  });

/** `unscaled` / 10^scale in plain digits, by long division. */
function decimalText(unscaled: bigint, scale: number): string {
  if (scale <= 0) return String(unscaled * 10n ** BigInt(-scale));
  const magnitude = unscaled < 0n ? -unscaled : unscaled;
  const unit = 10n ** BigInt(scale);
  return `${unscaled < 0n ? "-" : ""}${magnitude / unit}.${String(magnitude % unit).padStart(scale, "0")}`;
}

function decimal(precision: number, scale: number): Kind {
  const max = 10n ** BigInt(precision) - 1n;
  const round = fc
    .tuple(fc.integer({ min: 0, max: precision - 1 }), fc.bigInt({ min: -9n, max: 9n }))
    .map(([zeros, digit]) => digit * 10n ** BigInt(zeros));
  const values = mixed(fc.bigInt({ min: -max, max }), round, fc.constantFrom(0n, max, -max));
  return scalar(new arrow.Decimal(scale, precision, 128), values, {
    text: (value) => decimalText(BigInt(String(value)), scale),
  });
}

const NANOS_PER_UNIT = {
  SECOND: 10n ** 9n,
  MILLISECOND: 10n ** 6n,
  MICROSECOND: 1000n,
  NANOSECOND: 1n,
} as const;

/** Compared as microseconds from 1970; in JSON as the ISO text of the millisecond and the digits below it. */
function timestamp(unit: keyof typeof NANOS_PER_UNIT, zone: string | null): Kind {
  const nanos = NANOS_PER_UNIT[unit];
  const floor = (a: bigint, b: bigint) => (a - (((a % b) + b) % b)) / b;
  const limit = 2n ** 63n - 1n;
  const within = (seconds: bigint) => {
    const value = (seconds * 10n ** 9n) / nanos;
    return value > limit ? limit : value < -limit ? -limit : value;
  };
  const min = within(-62_135_596_800n); // Year 1
  const max = within(253_402_300_799n); // Year 9999
  return scalar(new arrow.Timestamp(arrow.TimeUnit[unit], zone), mixed(fc.bigInt({ min, max }), small), {
    sql: "trim_scale(extract(epoch from x) * 1000000)::text",
    text: (value) => String(floor(BigInt(String(value)) * nanos, 1000n)),
    json: (value) => {
      const total = BigInt(String(value)) * nanos;
      const seconds = floor(total, 10n ** 9n);
      const digits = Math.max(9 - (String(nanos).length - 1), 0);
      const fraction = String(total - seconds * 10n ** 9n)
        .padStart(9, "0")
        .slice(0, digits);
      const text = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
      return `${text}${digits === 0 ? "" : `.${fraction}`}${zone === null ? "" : "Z"}`;
    },
  });
}

const text = fc.string({ unit: "grapheme", maxLength: 12 }).filter((value) => !value.includes("\0"));
const number = { json: (value: Value) => value };
const kinds: Readonly<Record<string, Kind>> = {
  Boolean: scalar(new arrow.Bool(), fc.boolean(), number),
  Int32: scalar(new arrow.Int32(), fc.integer(), number),
  UInt32: scalar(new arrow.Uint32(), fc.integer({ min: 0, max: 2 ** 32 - 1 }), number),
  Int64: scalar(new arrow.Int64(), mixed(signed(64), small)),
  UInt64: scalar(
    new arrow.Uint64(),
    fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.bigInt({ min: 0n, max: 10n ** 9n })),
  ),
  Utf8: scalar(new arrow.Utf8(), text),
  Binary: bytes(new arrow.Binary(), { maxLength: 300 }),
  "FixedSizeBinary(32)": bytes(new arrow.FixedSizeBinary(32), { minLength: 32, maxLength: 32 }),
  "FixedSizeBinary(3)": bytes(new arrow.FixedSizeBinary(3), { minLength: 3, maxLength: 3 }),
  "Decimal128(38,0)": decimal(38, 0),
  "Decimal128(38,18)": decimal(38, 18),
  "Timestamp(s)": timestamp("SECOND", null),
  "Timestamp(ms, UTC)": timestamp("MILLISECOND", "UTC"),
  "Timestamp(µs)": timestamp("MICROSECOND", null),
  "Timestamp(ns, +00:00)": timestamp("NANOSECOND", "+00:00"),
};

const nullable = (values: fc.Arbitrary<Value>) => fc.option(values, { freq: 4 });

function listOf(kind: Kind): Kind {
  const each = (value: Value, render: (value: Value) => unknown) =>
    (value as readonly Value[]).map((item) => (item === null ? null : render(item))); // Its arbitrary makes arrays.
  return {
    type: new arrow.List(new arrow.Field("item", kind.type, true)),
    values: fc.array(nullable(kind.values), { maxLength: 5 }),
    sql: `(select coalesce(json_agg(${kind.sql}), '[]') from unnest(x) as x)::text`,
    text: (value) => JSON.stringify(each(value, kind.text)),
    json: (value) => each(value, kind.json),
  };
}

/** Compared as parsed JSON: the order of keys is jsonb's own. */
function structOf(members: Readonly<Record<string, Kind>>): Kind {
  const json = (value: Value) => {
    const struct = value as Struct; // Its arbitrary makes objects.
    return Object.fromEntries(
      Object.entries(members).map(([name, kind]) => [
        name,
        struct[name] === null ? null : kind.json(struct[name]!),
      ]),
    );
  };
  return {
    type: new arrow.Struct(
      Object.entries(members).map(([name, { type }]) => new arrow.Field(name, type, true)),
    ),
    values: fc.record(
      Object.fromEntries(Object.entries(members).map(([name, { values }]) => [name, nullable(values)])),
    ),
    sql: "x::text",
    text: (value) => JSON.stringify(json(value)),
    json,
  };
}

const struct = structOf({
  ...kinds,
  list: listOf(kinds["Int64"]!),
  'lists "of" lists': listOf(listOf(kinds["Utf8"]!)),
});
const columnKinds: [string, Kind][] = [
  ...Object.entries(kinds),
  ...Object.entries(kinds).map(([name, kind]): [string, Kind] => [`List<${name}>`, listOf(kind)]),
  ["Struct", struct],
  ["List<Struct>", listOf(struct)],
];

/** Values and the slice of them that is sent. */
function sliced(
  values: fc.Arbitrary<Value>,
  maxLength: number,
): fc.Arbitrary<readonly [readonly Value[], number, number]> {
  return fc
    .tuple(fc.array(nullable(values), { maxLength }), fc.nat(20), fc.nat(20))
    .map(([all, skip, drop]) => [
      all,
      Math.min(skip, all.length),
      Math.max(Math.min(skip, all.length), all.length - drop),
    ]);
}

/** Loads a slice of the values through COPY and returns what PostgreSQL shows of it. */
async function stored(
  kind: Kind,
  values: readonly Value[],
  from: number,
  to: number,
): Promise<(string | null)[]> {
  const columns: TestColumn[] = [
    {
      name: "_block_num",
      type: new arrow.Uint64(),
      nullable: false,
      values: values.map((_, i) => BigInt(i >> 2)),
    },
    { name: "n", type: new arrow.Int32(), nullable: false, values: values.map((_, i) => i) },
    { name: "x", type: kind.type, values },
  ];
  const built = buildBatch(columns, { junkUnderNulls: true });
  const stream =
    from === 0 && to === values.length ? { ...built, batches: [built.batch] } : sliceBatch(built, from, to);
  await load(client, "t", stream, { start: 0n, end: 1000n });
  const { rows } = await client.query<{ x: string | null; placed: boolean }>(
    `select case when x is not null then ${kind.sql} end as x,
            array[_block_num_start, _block_num_end, _block_num] = array_fill(n::bigint >> 2, '{3}')
            and length(_id) = 16 as placed
       from t order by n`,
  );
  expect(rows.every(({ placed }) => placed)).toBe(true);
  return rows.map(({ x }) => x);
}

/** JSON, also inside lists, is compared without its blanks and the order of its keys. */
function comparable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== "string" || !/^[[{]/.test(value)) return value;
  try {
    return comparable(JSON.parse(value));
  } catch {
    return value; // Text that only begins like JSON.
  }
}

async function expectRoundTrip(
  kind: Kind,
  values: readonly Value[],
  from: number,
  to: number,
): Promise<void> {
  const actual = await stored(kind, values, from, to);
  const expected = values.slice(from, to).map((value) => (value === null ? null : kind.text(value)));
  expect(actual.map(comparable)).toEqual(expected.map(comparable));
}

describe("COPY and ::text give back what Arrow held", () => {
  test.each(columnKinds)("%s", async (_, kind) => {
    const property = fc.asyncProperty(sliced(kind.values, 40), async ([values, from, to]) => {
      await expectRoundTrip(kind, values, from, to);
    });
    await fc.assert(property, { seed: SEED, numRuns: RUNS });
  });

  test("Decimal128 of every precision and scale", async () => {
    const shapes = fc
      .tuple(fc.integer({ min: 1, max: 38 }), fc.integer({ min: -40, max: 80 }))
      .chain(([precision, scale]) => {
        const kind = decimal(precision, scale);
        return fc.tuple(fc.constant(kind), fc.array(nullable(kind.values), { maxLength: 30 }));
      });
    const property = fc.asyncProperty(shapes, ([kind, values]) =>
      expectRoundTrip(kind, values, 0, values.length),
    );
    await fc.assert(property, { seed: SEED, numRuns: 8 * RUNS });
  });

  test.each(["Timestamp(ns, +00:00)", "Utf8", "Binary", "UInt64"])(
    "%s in a batch of many chunks",
    async (name) => {
      const kind = kinds[name]!;
      const values = fc.sample(nullable(kind.values), { seed: SEED, numRuns: 3500 });
      await expectRoundTrip(kind, values, 0, values.length);
      await expectRoundTrip(kind, values, 5, 3001);
    },
  );
});

test("plans name types as format_type does", async () => {
  for (const [, { type }] of columnKinds) {
    const schema = new arrow.Schema([new arrow.Field("x", type, true)]);
    await load(client, "t", { schema, batches: [] }, { start: 0n, end: 0n });
    const { rows } = await client.query<{ name: string }>(
      `select format_type(atttypid, atttypmod) as name from pg_attribute where attrelid = 't'::regclass and attname = 'x'`,
    );
    expect(rows[0]!.name).toBe(planTable("t", schema).columns[0]!.type);
  }
});
