// Takes 28 s.
import {
  type DataType,
  DenseUnion,
  Field,
  Int32,
  List,
  Schema,
  SparseUnion,
  Struct,
  Uint64,
  Utf8,
} from "apache-arrow";
import { expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { TableSource } from "../support/chain/table-source.ts";
import { Scenario } from "../support/worker/scenario.ts";

const either = (Union: typeof DenseUnion | typeof SparseUnion) =>
  new Union([0, 1], [new Field("number", new Int32(), true), new Field("text", new Utf8(), true)]);
const twins = new Struct([new Field("twin", new Int32()), new Field("twin", new Utf8())]);
const x = (type: DataType) => [new Field("x", type)];

/** A generated chain with one more table, of which nobody will ever ask rows. */
class OddSource extends GeneratedSource {
  override readonly tables: ReadonlyMap<string, Schema>;

  constructor(fields: readonly Field[]) {
    super({ blocks: 5, logsPerBlock: 1 });
    const odd = new Schema([new Field("_block_num", new Uint64(), false), ...fields]);
    this.tables = new Map([...new GeneratedSource().tables, ["odd", odd]]);
  }
}

test.each<[string, readonly Field[], string]>([
  [
    "a dense union",
    x(either(DenseUnion)),
    "Unsupported Arrow type DenseUnion<Int32, Utf8> in column x of table odd",
  ],
  ["a sparse union", x(either(SparseUnion)), "Unsupported Arrow type SparseUnion<Int32, Utf8> in column x"],
  [
    "a union in a list of structs",
    x(new List(new Field("item", new Struct([new Field("deep", either(DenseUnion))])))),
    "Unsupported Arrow type DenseUnion<Int32, Utf8> in column x",
  ],
  [
    "two columns of one name",
    [...x(new Int32()), ...x(new Utf8())],
    "Column name x occurs twice in table odd",
  ],
  [
    "a column that PostgreSQL has in every table",
    [new Field("ctid", new Int32())],
    "Column name ctid is reserved",
  ],
  ["a struct with two fields of one name", x(twins), "Field name twin occurs twice in a struct of column x"],
])("%s is refused before anything is made, with the way out", async (_, fields, message) => {
  await using scenario = await Scenario.start({ source: new OddSource(fields) });
  scenario.startWorker();
  await scenario.sync(["odd", "blocks"]);
  const odd = async () =>
    (await scenario.db.query("select * from ampsync.streams where table_name = 'odd'")).rows[0];
  await scenario.until("the table to be refused", async () => (await odd())?.["state"] === "failed");
  expect(await odd()).toMatchObject({
    error_code: "SY202",
    reason: expect.stringContaining(message),
    hint: expect.stringMatching(/./),
    next_retry: null,
  });
  const { rows } = await scenario.db.query("select to_regclass('chain.odd') as made");
  expect(rows).toEqual([{ made: null }]);
});

test("the hint leaves out such columns, one after the other, and the table is synced without them", async () => {
  const schema = new Schema([
    new Field("_block_num", new Uint64(), false),
    ...x(either(DenseUnion)),
    new Field("it's", either(SparseUnion)),
    new Field("_id", new Int32()),
    new Field("fine", new Int32()),
  ]);
  const source = new TableSource("odd", schema, (block) => [[block, null, null, null, Number(block)]], {
    blocks: 5,
  });
  await using scenario = await Scenario.start({ source });
  scenario.startWorker();
  const sync = await scenario.sync(["odd"]);
  const odd = async () =>
    (await scenario.db.query("select * from ampsync.streams where table_name = 'odd'")).rows[0];
  for (const column of ["_id", "x", "it's"]) {
    await scenario.until(`${column} to be refused`, async () => {
      const stream = await odd();
      return stream?.["state"] === "failed" && stream["reason"].includes(` ${column} `);
    });
    const hint: string = (await odd())!["hint"];
    await scenario.db.query(hint.slice(hint.indexOf("select ")));
  }
  await sync.reaches();
  const { rows } = await scenario.db.query("select * from chain.odd order by _id");
  expect(rows.map(({ fine }) => fine)).toEqual([0, 1, 2, 3, 4]);
  expect(Object.keys(rows[0]!)).toEqual(["_id", "_block_num_start", "_block_num_end", "_block_num", "fine"]);
});

test("an excluded column that the table lacks is refused, and the hint keeps the other exclusions", async () => {
  const schema = new Schema(
    ["_block_num", "spare", "it's"].map((name) => new Field(name, new Uint64(), false)),
  );
  const source = new TableSource("odd", schema, (block) => [[block, block, block]], { blocks: 5 });
  await using scenario = await Scenario.start({ source });
  const excluded = JSON.stringify({ odd: ["it's", "absent"] });
  await scenario.db.query(
    "select ampsync.enqueue_sync('anvil', tables => '{odd}', target_schema => 'chain', exclude_columns => $1)",
    [excluded],
  );
  scenario.startWorker();
  const sync = await scenario.sync(["odd"]);
  const odd = async () =>
    (await scenario.db.query("select * from ampsync.streams where table_name = 'odd'")).rows[0];
  await scenario.until("the column to be refused", async () => (await odd())?.["state"] === "failed");
  const { error_code: code, reason, hint } = (await odd())!;
  expect([code, reason]).toEqual(["SY004", "exclude_columns: table odd has no column absent"]);
  await scenario.db.query(hint);
  await sync.reaches();
  const { rows } = await scenario.db.query("select * from chain.odd order by _id");
  expect(rows.map(({ spare }) => spare)).toEqual(["0", "1", "2", "3", "4"]);
  expect(Object.keys(rows[0]!)).not.toContain("it's");
});
