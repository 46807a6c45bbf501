import { describe, expect, test } from "vitest";

import type { ArrowSchema, ArrowType } from "../../src/arrow/type.ts";
import { Budget } from "../../src/commit/budget.ts";
import { planTable } from "../../src/encoder/plan.ts";
import type { PlanOptions } from "../../src/flight/client.ts";
import type { FlightMessage, FlightStream } from "../../src/flight/flight-stream.ts";
import { inOrder, type TableBatch, TableStream } from "../../src/stream/table-query.ts";
import { buildBatch, type Value } from "../support/arrow/arrow.ts";
import { encodeBatch, h64Raw } from "../support/arrow/encode.ts";
import { MemorySink } from "../support/arrow/memory-sink.ts";

const utf8: ArrowType = { kind: "utf8", layout: "offsets" };
const encoded = (value: ArrowType): ArrowType => ({
  kind: "dictionary",
  id: 0n,
  index: { kind: "int", bits: 32, signed: true },
  value,
});
const field = (type: ArrowType, name = "x", nullable = true) => ({ name, type, nullable });
const schemaOf = (type: ArrowType, nullable = true): ArrowSchema => ({
  fields: [field(type, "x", nullable)],
});

const { signal } = new AbortController();

/** A server that plans each query with this schema, and answers it with these messages. */
class FlightServer {
  readonly asked: (Omit<PlanOptions, "signal"> & { readonly sql: string })[] = [];
  readonly #planned: ArrowSchema;
  readonly #messages: readonly FlightMessage[];

  constructor(planned: ArrowSchema, messages: readonly FlightMessage[] = []) {
    this.#planned = planned;
    this.#messages = messages;
  }

  async open(sql: string, { stream, cursor, received }: PlanOptions): Promise<FlightStream> {
    this.asked.push({ sql, stream, cursor, received });
    const messages = this.#messages;
    return {
      schema: this.#planned,
      async *read() {
        yield* messages;
      },
      [Symbol.dispose]() {},
    };
  }
}

/** The table as it was planned, on a server that may see it otherwise. */
const tableOf = (flight: FlightServer, planned: ArrowSchema) => ({
  flight,
  reference: '"_/chain@1.0.0".t',
  query: null,
  plan: planTable("t", planned),
  fromBlock: 0n,
  hash: h64Raw,
  policies: {},
});

/** Reads the answer to a query that was planned like its table. */
async function readAll(planned: ArrowSchema, messages: readonly FlightMessage[]) {
  const stream = await TableStream.follow(tableOf(new FlightServer(planned, messages), planned), { signal });
  const batches: (TableBatch | null)[] = [];
  for await (const batch of stream.batches({ signal })) batches.push(batch);
  return { stream, batches };
}

const sends = (sent: ArrowSchema, planned: ArrowSchema) =>
  readAll(planned, [{ kind: "schema", schema: sent }]);

/** A type with a place for another in it. */
const WRAPPERS: Readonly<Record<string, (inner: ArrowType) => ArrowType>> = {
  "of its own": (inner) => inner,
  "in a list": (inner) => ({ kind: "list", layout: "offsets", item: field(inner) }),
  "in a fixed-size list": (inner) => ({ kind: "fixedSizeList", size: 1, item: field(inner) }),
  "in a struct": (inner) => ({ kind: "struct", fields: [field(inner)] }),
  "in a map": (inner) => ({ kind: "map", key: field(utf8, "k", false), value: field(inner) }),
  "in runs": (inner) => ({
    kind: "runEndEncoded",
    runEnds: { kind: "int", bits: 32, signed: true },
    value: field(inner),
  }),
};

describe("a schema is sent as planned, but for dictionaries", () => {
  test.each(Object.entries(WRAPPERS))("%s", async (_, wrap) => {
    const plain = schemaOf(wrap(utf8));
    const dictionary = schemaOf(wrap(encoded(utf8)));
    await sends(plain, dictionary);
    await sends(dictionary, plain);
    await sends(dictionary, dictionary);
    const other = schemaOf(wrap({ kind: "utf8", layout: "large" }));
    for (const planned of [plain, dictionary]) {
      await expect(sends(other, planned)).rejects.toMatchObject({
        code: "SY104",
        detail: expect.stringContaining("Sent: x "),
      });
    }
  });

  test("values that may be NULL are no values that may not", async () => {
    await expect(sends(schemaOf(utf8), schemaOf(encoded(utf8), false))).rejects.toThrow(/another schema/);
  });

  test("an index is no value, though both are numbers", async () => {
    const int32: ArrowType = { kind: "int", bits: 32, signed: true };
    await expect(sends(schemaOf(encoded(utf8)), schemaOf(int32))).rejects.toThrow(/another schema/);
  });
});

test("a query that is planned otherwise than its table is refused, and the error shows both", async () => {
  const table = { fields: [field(utf8, "a"), field(utf8, "b")] };
  const query = { fields: [field({ kind: "int", bits: 32, signed: true }, "a"), field(utf8, "c")] };
  await expect(TableStream.follow(tableOf(new FlightServer(query), table), { signal })).rejects.toMatchObject(
    { code: "SY104", detail: "Planned: a text, b text. Sent: a integer, c text." },
  );
});

describe("the query names the columns of the table, in their order", () => {
  const blockNum: ArrowType = { kind: "int", bits: 64, signed: false };
  const table = { fields: [field(blockNum, "_block_num", false), field(utf8, 'a "b"'), field(utf8, "c")] };
  const columns = `SELECT "_block_num", "a ""b""", "c" FROM "_/chain@1.0.0".t`;

  test.each([
    ["basic", ["number", "hash"], 'SELECT "number", "hash" FROM'],
    ["reserved", ["from", "to", "select"], 'SELECT "from", "to", "select" FROM'],
    ["mixed", ["blockNumber", "from", "gas_used"], 'SELECT "blockNumber", "from", "gas_used" FROM'],
    ["single", ["hash"], 'SELECT "hash" FROM'],
    ["single_reserved", ["order"], 'SELECT "order" FROM'],
  ])("generate_query, %s: every name is quoted (quoted_identifiers)", async (_, names, sql) => {
    const planned = { fields: names.map((name) => field(utf8, name)) };
    const server = new FlightServer(planned);
    await TableStream.follow(tableOf(server, planned), { signal });
    expect(server.asked).toEqual([{ sql: `${sql} "_/chain@1.0.0".t`, stream: true }]);
  });

  test("generate_query, empty: a table without columns is an error", () => {
    expect(() => planTable("t", { fields: [] })).toThrow(
      expect.objectContaining({ code: "SY202", message: "Table t has no columns" }),
    );
  });

  test("and follows the table from a cursor, which no WHERE stands for (incremental_where_clause)", async () => {
    const server = new FlightServer(table);
    const stream = await TableStream.follow(tableOf(server, table), { cursor: "{}", signal });
    expect(server.asked).toEqual([{ sql: columns, stream: true, cursor: "{}" }]);
    const own = ["_id", "_block_num_start", "_block_num_end", "_block_num"];
    expect(stream.columns).toEqual([...own, 'a "b"', "c"]);
  });

  test("or asks for blocks, in the order that the encoder needs", async () => {
    const server = new FlightServer(table);
    const received = new Budget(1);
    await TableStream.ofBlocks(tableOf(server, table), { start: 5n, end: 7n }, { signal, received });
    const sql = `${columns} WHERE "_block_num" >= 5 AND "_block_num" <= 7 ORDER BY "_block_num"`;
    expect(server.asked).toEqual([{ sql, stream: false, received }]);
  });

  test("from the first block whose rows are wanted on", async () => {
    const server = new FlightServer(table);
    const late = { ...tableOf(server, table), fromBlock: 6n };
    await TableStream.follow(late, { cursor: "{}", signal });
    await TableStream.ofBlocks(late, { start: 5n, end: 7n }, { signal });
    await TableStream.ofBlocks(late, { start: 7n, end: 8n }, { signal });
    expect(server.asked.map(({ sql }) => sql.replace(columns, ""))).toEqual([
      ' WHERE "_block_num" >= 6',
      ' WHERE "_block_num" >= 6 AND "_block_num" <= 7 ORDER BY "_block_num"',
      ' WHERE "_block_num" >= 7 AND "_block_num" <= 8 ORDER BY "_block_num"',
    ]);
  });
});

describe("a query of its own", () => {
  const blockNum: ArrowType = { kind: "int", bits: 64, signed: false };
  const planned = { fields: [field(utf8, "a"), field(blockNum, "_block_num", false), field(utf8, 'b "c"')] };
  const query = 'SELECT x AS a, _block_num, y AS "b ""c"" FROM eth.logs';

  test("is sent as it is", async () => {
    const server = new FlightServer(planned);
    const stream = await TableStream.follow({ ...tableOf(server, planned), query }, { cursor: "{}", signal });
    expect(server.asked).toEqual([{ sql: query, stream: true, cursor: "{}" }]);
    expect(stream.columns.slice(3)).toEqual(["_block_num", "a", 'b "c"']);
  });

  test("is asked for in the order of the table, which its ids depend on, where its own is another one", () => {
    const plan = planTable("t", { fields: planned.fields.toReversed() });
    expect(inOrder(query, planned, plan)).toBe(
      `SELECT "_block_num", "b ""c""", "a" FROM (${query}) AS "query"`,
    );
    expect(inOrder(query, planned, planTable("t", planned))).toBe(query);
  });
});

test.each<[string, ArrowType, ArrowType]>([
  ["plain where a dictionary was planned", encoded(utf8), utf8],
  ["a dictionary where plain values were planned", utf8, encoded(utf8)],
])("rows are read by what is sent: %s", async (_, planned, sent) => {
  const values: readonly Value[] = ["a", null, "b", "a"];
  const rowsOf = async (type: ArrowType) => {
    const { schema, batch, dictionaries } = buildBatch([{ name: "x", type, values }]);
    const { stream, batches } = await readAll(schemaOf(planned), [
      { kind: "schema", schema },
      ...dictionaries.map((dictionary) => ({ kind: "dictionary", dictionary }) as const),
      { kind: "batch", batch, metadata: null },
    ]);
    expect(batches.map((each) => each?.batch)).toEqual([
      ...Array.from({ length: 1 + dictionaries.length }),
      batch,
    ]);
    const sink = new MemorySink();
    stream.encoder.beginMicrobatch({ start: 0n, end: 0n });
    encodeBatch(stream.encoder, batch, sink);
    return sink.bytes();
  };
  expect(await rowsOf(sent)).toEqual(await rowsOf(planned));
});
