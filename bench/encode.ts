import * as arrow from "apache-arrow";
import xxhash from "xxhash-wasm";

import type { ByteSink } from "../src/encoder/byte-sink.ts";
import { planTable } from "../src/encoder/plan.ts";
import { RowEncoder } from "../src/encoder/row-encoder.ts";
import type { Hash64 } from "../src/encoder/row-hash.ts";
import { type BuiltBatch, buildBatch, type TestColumn, type Value } from "../tests/support/arrow/arrow.ts";
import { dice } from "../tests/support/dice.ts";
import { type Figures, median } from "./figures.ts";
import type { Report } from "./print.ts";
import { encodeValueByValue } from "./value-by-value.ts";

const ROWS = 8192;
const ROWS_PER_BLOCK = 200;
const FIRST_BLOCK = 15_000_000n;
const ROUNDS = 5;
const ROUND_MS = 300;
const WARM_UP_BATCHES = 3;
const MEMORY_ROWS = 50_000_000;

const roll = dice(1);
/** 32 bits: each run encodes the same bytes. */
const random = () => roll(0, 2 ** 32 - 1);

const bytes = (length: number) => Uint8Array.from({ length }, () => random() >>> 24);
const blockOf = (row: number) => FIRST_BLOCK + BigInt(Math.floor(row / ROWS_PER_BLOCK));

/** A column whose values are made row by row, some percent of them NULL. */
function column(name: string, type: arrow.DataType, make: (row: number) => Value, nulls = 0): TestColumn {
  const values = Array.from({ length: ROWS }, (_, row) => (random() % 100 < nulls ? null : make(row)));
  return { name, type, nullable: nulls > 0, values };
}
const fixed = (name: string, width: number, nulls = 0) =>
  column(name, new arrow.FixedSizeBinary(width), () => bytes(width), nulls);
const binary = (name: string, length: () => number) =>
  column(name, new arrow.Binary(), () => bytes(length()));
const block = (name: string) => column(name, new arrow.Uint64(), blockOf);
const uint64 = (name: string, nulls = 0) =>
  column(name, new arrow.Uint64(), () => BigInt(random() % 30_000_000), nulls);
const uint32 = (name: string) => column(name, new arrow.Uint32(), (row) => row % ROWS_PER_BLOCK);
const wei = (name: string, nulls = 0) =>
  column(name, new arrow.Decimal(0, 38, 128), () => BigInt(random()) * 1_000_003n, nulls);
const time = () =>
  column("timestamp", new arrow.TimestampNanosecond("+00:00"), (row) => blockOf(row) * 100_000_000_000n);

const accessList = new arrow.List(
  new arrow.Field(
    "item",
    new arrow.Struct([
      new arrow.Field("address", new arrow.FixedSizeBinary(20)),
      new arrow.Field("storage_keys", new arrow.List(new arrow.Field("item", new arrow.FixedSizeBinary(32)))),
    ]),
  ),
);

const authorizationList = new arrow.List(
  new arrow.Field(
    "item",
    new arrow.Struct([
      new arrow.Field("chain_id", new arrow.Uint64()),
      new arrow.Field("address", new arrow.FixedSizeBinary(20)),
      new arrow.Field("nonce", new arrow.Uint64()),
      new arrow.Field("y_parity", new arrow.Bool()),
      new arrow.Field("r", new arrow.FixedSizeBinary(32)),
      new arrow.Field("s", new arrow.FixedSizeBinary(32)),
    ]),
  ),
);

/** The tables of an EVM dataset. */
const shapes = {
  logs: () => [
    block("_block_num"),
    fixed("block_hash", 32),
    block("block_num"),
    time(),
    fixed("tx_hash", 32),
    uint32("tx_index"),
    uint32("log_index"),
    fixed("address", 20),
    fixed("topic0", 32),
    fixed("topic1", 32, 10),
    fixed("topic2", 32, 40),
    fixed("topic3", 32, 80),
    binary("data", () => 32 * (random() % 4)),
  ],
  transactions: () => [
    block("_block_num"),
    fixed("block_hash", 32),
    block("block_num"),
    time(),
    uint32("tx_index"),
    fixed("tx_hash", 32),
    fixed("to", 20, 2),
    uint64("nonce"),
    wei("gas_price", 80),
    uint64("gas_limit"),
    column("value", new arrow.Utf8(), () => String(random())),
    binary("input", () => random() % 400),
    fixed("r", 32),
    fixed("s", 32),
    column("v_parity", new arrow.Bool(), () => random() % 2 === 0),
    uint64("chain_id", 5),
    uint64("gas_used"),
    column("type", new arrow.Int32(), () => random() % 3),
    wei("max_fee_per_gas"),
    wei("max_priority_fee_per_gas", 20),
    wei("max_fee_per_blob_gas", 95),
    fixed("from", 20),
    column("status", new arrow.Bool(), () => true),
    fixed("state_root", 32, 100),
    column("access_list", accessList, () => [], 20),
    column(
      "blob_versioned_hashes",
      new arrow.List(new arrow.Field("item", new arrow.FixedSizeBinary(32))),
      () => [],
      95,
    ),
    column("authorization_list", authorizationList, () => [], 99),
  ],
  blocks: () => [
    column("_block_num", new arrow.Uint64(), (row) => FIRST_BLOCK + BigInt(row)),
    block("block_num"),
    time(),
    ...["hash", "parent_hash", "ommers_hash"].map((name) => fixed(name, 32)),
    fixed("miner", 20),
    ...["state_root", "transactions_root", "receipt_root"].map((name) => fixed(name, 32)),
    binary("logs_bloom", () => 256),
    wei("difficulty"),
    wei("total_difficulty"),
    uint64("gas_limit"),
    uint64("gas_used"),
    binary("extra_data", () => random() % 33),
    fixed("mix_hash", 32),
    column("nonce", new arrow.Uint64(), () => BigInt(random()) << 32n),
    wei("base_fee_per_gas"),
    fixed("withdrawals_root", 32),
    uint64("blob_gas_used"),
    uint64("excess_blob_gas"),
    fixed("parent_beacon_root", 32),
    fixed("requests_hash", 32, 50),
  ],
  narrow: () => [block("_block_num"), uint32("index"), uint64("value")],
  nested: () => [
    block("_block_num"),
    column("access_list", accessList, () =>
      Array.from({ length: random() % 3 }, () => ({
        address: bytes(20),
        storage_keys: [bytes(32), bytes(32)],
      })),
    ),
    column("hashes", new arrow.List(new arrow.Field("item", new arrow.FixedSizeBinary(32))), () =>
      Array.from({ length: random() % 4 }, () => bytes(32)),
    ),
  ],
};

/** Hands out one buffer again and again, as a pool of buffers would. */
const buffer = new Uint8Array(1 << 20);
const sink: ByteSink = { reserve: () => ({ bytes: buffer, at: 0 }) };
const RANGE = { start: 0n, end: 2n ** 48n - 2n };

export interface EncodeOptions {
  /** Measure how memory grows instead. */
  readonly memory: boolean;
}

/**
 * How fast record batches become COPY rows, on one core, without any I/O: the
 * median of several rounds in processor time, which other processes do not take
 * away. Value by value is the plain way to do it.
 */
export async function benchEncode({ memory }: EncodeOptions): Promise<Report> {
  const { h64Raw } = await xxhash();
  return memory
    ? { cases: [measureMemory(h64Raw)] }
    : { about: { batch_rows: ROWS }, cases: measureShapes(h64Raw) };
}

function measureShapes(hash: Hash64): readonly Figures[] {
  return Object.entries(shapes).map(([shape, columns]) => {
    const built = buildBatch(columns());
    const rounds: Record<"ns_per_row" | "ns_per_row_value_by_value", number[]> = {
      ns_per_row: [],
      ns_per_row_value_by_value: [],
    };
    for (let round = 0; round < ROUNDS; round++) {
      rounds.ns_per_row.push(timed(rowEncoder(built, hash)));
      rounds.ns_per_row_value_by_value.push(timed(() => encodeValueByValue(built, hash)));
    }
    const ns = Math.round(median(rounds.ns_per_row));
    return {
      shape,
      columns: built.schema.fields.length,
      rows_per_s: Math.round(1e9 / ns),
      ns_per_row: ns,
      ns_per_row_value_by_value: Math.round(median(rounds.ns_per_row_value_by_value)),
    };
  });
}

/** Encodes the batch as a microbatch of its own. */
function rowEncoder({ schema, batch }: BuiltBatch, hash: Hash64): () => void {
  const encoder = new RowEncoder(planTable("bench", schema), hash);
  return () => {
    encoder.beginMicrobatch(RANGE);
    for (const _rows of encoder.encode(batch, sink)) {
      // Nobody else works here.
    }
  };
}

/** Nanoseconds of processor time per row, once the code is compiled. */
function timed(encode: () => void): number {
  for (let batch = 0; batch < WARM_UP_BATCHES; batch++) {
    encode();
  }
  const begin = process.cpuUsage();
  let elapsed = 0;
  let batches = 0;
  for (; elapsed < ROUND_MS; batches++) {
    encode();
    const used = process.cpuUsage(begin);
    elapsed = (used.user + used.system) / 1000;
  }
  return (elapsed * 1e6) / (batches * ROWS);
}

/** How much more memory the process holds after many rows than after some. */
function measureMemory(hash: Hash64): Record<string, number> {
  const encode = rowEncoder(buildBatch(shapes.logs()), hash);
  const run = (rows: number) => {
    for (let done = 0; done < rows; done += ROWS) {
      encode();
    }
    return process.memoryUsage.rss() / 2 ** 20;
  };
  const before = run(MEMORY_ROWS / 50);
  const after = run(MEMORY_ROWS);
  return {
    rows: MEMORY_ROWS,
    rss_before_mib: Math.round(before),
    rss_after_mib: Math.round(after),
    rss_growth_mib: Math.round(after - before),
  };
}
