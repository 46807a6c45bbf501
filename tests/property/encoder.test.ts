// Takes 15 s.
import fc from "fast-check";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { type ArrowType, typeName } from "../../src/arrow/type.ts";
import { planTable } from "../../src/encoder/plan.ts";
import { CONTAINERS, itemsOf, SCALARS, valuesOf } from "../support/arrow/arbitraries.ts";
import {
  type BuildOptions,
  buildBatch,
  sliceBatch,
  streamOf,
  type TestColumn,
  type Value,
} from "../support/arrow/arrow.ts";
import type { ArrowStream } from "../support/arrow/arrow-messages.ts";
import { load } from "../support/arrow/load.ts";
import { rendering } from "../support/arrow/renderings.ts";
import { createDatabase, type TestDatabase } from "../support/postgres/postgres.ts";

const SEED = Number(process.env["AMPSYNC_TEST_SEED"] ?? 1);
const RUNS = Number(process.env["AMPSYNC_TEST_RUNS"] ?? 8);

let database: TestDatabase;
let client: pg.Client;
beforeAll(async () => {
  database = await createDatabase({ empty: true });
  client = await database.client();
});
afterAll(() => database.drop());

type Columns = readonly {
  readonly name: string;
  readonly type: ArrowType;
  readonly values: readonly Value[];
}[];

/** Loads a stream and returns each column as PostgreSQL shows it. */
async function stored(stream: ArrowStream, columns: Columns): Promise<unknown[][]> {
  await load(client, "t", stream, { start: 0n, end: 1000n });
  const shown = columns.map(({ name, type }) => {
    const { sql } = rendering(type);
    const quoted = pg.escapeIdentifier(name);
    return `(select case when x is not null then ${sql} end from (select ${quoted} as x) as one) as ${quoted}`;
  });
  const { rows } = await client.query(`select ${shown.join(", ")},
      array[_block_num_start, _block_num_end, _block_num] = array_fill(n::bigint >> 2, '{3}')
      and length(_id) = 16 as placed
    from t order by n`);
  expect(rows.every(({ placed }) => placed)).toBe(true);
  return columns.map(({ name }) => rows.map((row) => row[name]));
}

async function expectRoundTrip(columns: Columns, options: BuildOptions = {}): Promise<void> {
  const stream = streamOf(buildBatch(numbered(columns), { junkUnderNulls: true, ...options }));
  const actual = await stored(stream, columns);
  columns.forEach(({ name, type, values }, i) => {
    expect(actual[i], name).toEqual(expected(type, values));
  });
}

function expected(type: ArrowType, values: readonly Value[]): unknown[] {
  const { column } = rendering(type);
  return values.map((value) => (value === null ? null : column(value)));
}

/** With a block for every four rows, and the number of each row. */
function numbered(columns: Columns): TestColumn[] {
  const rows = columns[0]!.values.map((_, i) => i);
  return [
    {
      name: "_block_num",
      type: { kind: "int", bits: 64, signed: false },
      nullable: false,
      values: rows.map((i) => BigInt(i >> 2)),
    },
    { name: "n", type: { kind: "int", bits: 32, signed: true }, nullable: false, values: rows },
    ...columns,
  ];
}

/** As many values of each type as rows, up to `maxLength`. */
function columnsOf(types: Readonly<Record<string, ArrowType>>, maxLength: number): fc.Arbitrary<Columns> {
  const entries = Object.entries(types);
  return fc
    .nat(maxLength)
    .chain((length) =>
      fc.tuple(
        ...entries.map(([name, type]) =>
          fc
            .array(itemsOf({ name, nullable: true, type }), { minLength: length, maxLength: length })
            .map((values) => ({ name, type, values })),
        ),
      ),
    );
}

const containersOf = (type: ArrowType) =>
  Object.fromEntries(Object.entries(CONTAINERS).map(([name, wrap]) => [name, wrap(type)]));

describe("COPY and SQL give back what Arrow held", () => {
  test.each(SCALARS.map((type) => [typeName(type), type] as const))(
    "%s, alone and in every container",
    async (_, type) => {
      const property = fc.asyncProperty(
        columnsOf({ plain: type, ...containersOf(type) }, 20),
        fc.boolean(),
        (columns, sliced) => expectRoundTrip(columns, { sliced }),
      );
      await fc.assert(property, { seed: SEED, numRuns: RUNS });
    },
  );

  test("slices that apache-arrow wrote, of every type that it knows", async () => {
    const unknown = /view|null|float|decimal|interval|duration|large/;
    const types = SCALARS.filter(
      (type) => !unknown.test(`${type.kind} ${"layout" in type ? type.layout : ""}`),
    );
    const named = Object.fromEntries(
      types.flatMap((type, i) => [
        [`${i}`, type],
        [`list ${i}`, CONTAINERS["List"]!(type)],
      ]),
    );
    const property = fc.asyncProperty(
      columnsOf(named, 40),
      fc.nat(20),
      fc.nat(20),
      async (columns, skip, drop) => {
        const rows = columns[0]!.values.length;
        const from = Math.min(skip, rows);
        const to = Math.max(from, rows - drop);
        const stream = sliceBatch(buildBatch(numbered(columns), { junkUnderNulls: true }), from, to);
        const actual = await stored(stream, columns);
        columns.forEach(({ name, type, values }, i) => {
          expect(actual[i], name).toEqual(expected(type, values.slice(from, to)));
        });
      },
    );
    await fc.assert(property, { seed: SEED, numRuns: RUNS });
  });

  test("decimals of every width, precision and scale", async () => {
    const widths = [
      [32, 9],
      [64, 18],
      [128, 38],
      [256, 76],
    ] as const;
    const shapes = fc
      .constantFrom(...widths)
      .chain(([bits, max]) =>
        fc.record({
          kind: fc.constant("decimal" as const),
          bits: fc.constant(bits),
          precision: fc.integer({ min: 1, max }),
          scale: fc.integer({ min: -max - 2, max: 2 * max + 4 }),
        }),
      )
      .chain((type) => columnsOf({ x: type, xs: CONTAINERS["List"]!(type) }, 30));
    await fc.assert(
      fc.asyncProperty(shapes, (columns) => expectRoundTrip(columns)),
      { seed: SEED, numRuns: 12 * RUNS },
    );
  });

  test("all types in batches of many chunks", async () => {
    const types = Object.fromEntries(SCALARS.map((type, i) => [`${typeName(type)} ${i}`, type]));
    const columns = Object.entries(types).map(([name, type]) => ({
      name,
      type,
      values: fc.sample(fc.option(valuesOf(type), { freq: 4 }), { seed: SEED, numRuns: 3500 }),
    }));
    await expectRoundTrip(columns);
  });
});

test("plans name types as format_type does", async () => {
  const types = SCALARS.flatMap((type) => [type, ...Object.values(containersOf(type))]);
  const fields = types.map((type, i) => ({ name: `c${i}`, nullable: true, type }));
  await load(client, "t", { schema: { fields }, messages: [] }, { start: 0n, end: 0n });
  const { rows } = await client.query<{ name: string; type: string }>(
    `select attname as name, format_type(atttypid, atttypmod) as type
       from pg_attribute where attrelid = 't'::regclass and attname like 'c%' and attnum > 0`,
  );
  const types_ = new Map(rows.map(({ name, type }) => [name, type]));
  for (const { name, type } of planTable("t", { fields }).columns) {
    expect(types_.get(name)).toBe(type);
  }
});
