import * as arrow from "apache-arrow";
import { expect, test } from "vitest";

import { CopyRows } from "../../../src/commit/copy-rows.ts";
import { copyColumns, planTable } from "../../../src/encoder/plan.ts";
import { type EncoderOptions, RowEncoder } from "../../../src/encoder/row-encoder.ts";
import { TransactionIds } from "../../../src/encoder/transaction-ids.ts";
import { buildBatch, type TestColumn } from "../../support/arrow/arrow.ts";
import { encodeBatch, h64Raw } from "../../support/arrow/encode.ts";
import { MemorySink, parseRows } from "../../support/arrow/memory-sink.ts";

const texts = (values: readonly (string | null)[]): TestColumn => ({
  name: "text",
  type: new arrow.Utf8(),
  values: [...values],
});
const blocks = (values: readonly bigint[]): TestColumn => ({
  name: "_block_num",
  type: new arrow.Uint64(),
  nullable: false,
  values: [...values],
});

const encoderOf = (columns: TestColumn[], options: EncoderOptions) =>
  new RowEncoder(planTable("t", buildBatch(columns).schema), h64Raw, options);

function encode(encoder: RowEncoder, columns: TestColumn[], start = 0n, end = 1000n): Uint8Array {
  const sink = new MemorySink();
  encoder.beginMicrobatch({ start, end });
  encodeBatch(encoder, buildBatch(columns).batch, sink);
  return sink.bytes();
}

/** `_tx_id` and `_row_index` of each row, as numbers. */
const keysOf = (bytes: Uint8Array) =>
  parseRows(bytes).map((row) => row.slice(0, 2).map((field) => Number(BigInt(`0x${field}`))));

test("add_transaction_metadata: two rows, id 42", () => {
  const columns = [blocks([7n, 7n]), texts(["a", "b"])];
  const bytes = encode(encoderOf(columns, { transactionIds: new TransactionIds(42n) }), columns);
  expect(keysOf(bytes)).toEqual([
    [42, 0],
    [42, 1],
  ]);
});

test("the fields are those of the columns, and all but the key are as with _id", () => {
  const columns = [blocks([7n, 8n]), texts(["a", null])];
  const plan = planTable("t", buildBatch(columns).schema);
  expect(copyColumns(plan, "transaction")).toEqual([
    "_tx_id",
    "_row_index",
    "_block_num_start",
    "_block_num_end",
    "_block_num",
    "text",
  ]);
  const rows = (options: EncoderOptions) => parseRows(encode(encoderOf(columns, options), columns));
  const keyed = rows({ transactionIds: new TransactionIds(1n) });
  expect(keyed.map((row) => row.slice(2))).toEqual(rows({}).map((row) => row.slice(1)));
});

test("each microbatch takes the next id, and its rows count from 0 across batches, rejected ones included", () => {
  const columns = [texts(["a", "\0", "c"])];
  const encoder = encoderOf(columns, {
    nulPolicy: "fail",
    valuePolicy: "quarantine",
    transactionIds: new TransactionIds(5n),
  });
  const sink = new MemorySink();
  encoder.beginMicrobatch({ start: 0n, end: 9n });
  encodeBatch(encoder, buildBatch(columns).batch, sink);
  encodeBatch(encoder, buildBatch(columns).batch, sink);
  expect(keysOf(sink.bytes())).toEqual([
    [5, 0],
    [5, 2],
    [5, 3],
    [5, 5],
  ]);
  expect(encoder.ledger).toEqual({ rows: 4, idXor: 0n });
  expect(keysOf(encode(encoder, columns))).toEqual([
    [6, 0],
    [6, 2],
  ]);
});

test("ids above 2^32 are written whole, and those of a lease end", () => {
  const first = (3n << 32n) + 0xffff_ffffn;
  const ids = new TransactionIds(first);
  const columns = [texts(["a"])];
  const bytes = encode(encoderOf(columns, { transactionIds: ids }), columns);
  expect(parseRows(bytes)[0]![0]).toBe("00000003ffffffff");
});

test("rows that PostgreSQL refuses are found with their block, and count nothing in the xor", () => {
  const columns = [blocks([7n, 2n ** 33n]), texts(["a", "b"])];
  const rows = new CopyRows(
    encode(encoderOf(columns, { transactionIds: new TransactionIds(42n) }), columns, 0n, 2n ** 34n),
  );
  expect([rows.block(0), rows.block(1)]).toEqual([7n, 2n ** 33n]);
  expect([rows.idTail(0), rows.idTail(1)]).toEqual([0n, 0n]);
});
