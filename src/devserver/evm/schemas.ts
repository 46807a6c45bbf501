import {
  Binary,
  Bool,
  type DataType,
  Decimal,
  Field,
  FixedSizeBinary,
  Int32,
  List,
  Schema,
  Struct,
  Timestamp,
  TimeUnit,
  Uint32,
  Uint64,
  Utf8,
} from "apache-arrow";

export type EvmTable = "blocks" | "logs" | "transactions";

const B32 = new FixedSizeBinary(32);
const B20 = new FixedSizeBinary(20);
const UINT256_AS_DECIMAL = new Decimal(0, 38, 128);
const TIMESTAMP = new Timestamp(TimeUnit.NANOSECOND, "+00:00");
const ACCESS_LIST = listOf(new Struct([required("address", B20), required("storage_keys", listOf(B32))]));
const AUTHORIZATION_LIST = listOf(
  new Struct([
    required("chain_id", new Uint64()),
    required("address", B20),
    required("nonce", new Uint64()),
    required("y_parity", new Bool()),
    required("r", B32),
    required("s", B32),
  ]),
);

/** The tables of a raw EVM dataset as servers of 2026 publish them. */
export const EVM_SCHEMAS: Readonly<Record<EvmTable, Schema>> = {
  blocks: new Schema([
    required("_block_num", new Uint64()),
    required("block_num", new Uint64()),
    required("timestamp", TIMESTAMP),
    required("hash", B32),
    required("parent_hash", B32),
    required("ommers_hash", B32),
    required("miner", B20),
    required("state_root", B32),
    required("transactions_root", B32),
    required("receipt_root", B32),
    required("logs_bloom", new Binary()),
    required("difficulty", UINT256_AS_DECIMAL),
    optional("total_difficulty", UINT256_AS_DECIMAL),
    required("gas_limit", new Uint64()),
    required("gas_used", new Uint64()),
    required("extra_data", new Binary()),
    required("mix_hash", B32),
    required("nonce", new Uint64()),
    optional("base_fee_per_gas", UINT256_AS_DECIMAL),
    optional("withdrawals_root", B32),
    optional("blob_gas_used", new Uint64()),
    optional("excess_blob_gas", new Uint64()),
    optional("parent_beacon_root", B32),
    optional("requests_hash", B32),
  ]),
  logs: new Schema([
    required("_block_num", new Uint64()),
    required("block_hash", B32),
    required("block_num", new Uint64()),
    required("timestamp", TIMESTAMP),
    required("tx_hash", B32),
    required("tx_index", new Uint32()),
    required("log_index", new Uint32()),
    required("address", B20),
    optional("topic0", B32),
    optional("topic1", B32),
    optional("topic2", B32),
    optional("topic3", B32),
    required("data", new Binary()),
  ]),
  transactions: new Schema([
    required("_block_num", new Uint64()),
    required("block_hash", B32),
    required("block_num", new Uint64()),
    required("timestamp", TIMESTAMP),
    required("tx_index", new Uint32()),
    required("tx_hash", B32),
    optional("to", B20),
    required("nonce", new Uint64()),
    optional("gas_price", UINT256_AS_DECIMAL),
    required("gas_limit", new Uint64()),
    required("value", new Utf8()),
    required("input", new Binary()),
    required("r", B32),
    required("s", B32),
    required("v_parity", new Bool()),
    optional("chain_id", new Uint64()),
    required("gas_used", new Uint64()),
    required("type", new Int32()),
    optional("max_fee_per_gas", UINT256_AS_DECIMAL),
    optional("max_priority_fee_per_gas", UINT256_AS_DECIMAL),
    optional("max_fee_per_blob_gas", UINT256_AS_DECIMAL),
    required("from", B20),
    required("status", new Bool()),
    optional("state_root", B32),
    optional("access_list", ACCESS_LIST),
    optional("blob_versioned_hashes", listOf(B32)),
    optional("authorization_list", AUTHORIZATION_LIST),
  ]),
};

function required(name: string, type: DataType): Field {
  return new Field(name, type, false);
}

function optional(name: string, type: DataType): Field {
  return new Field(name, type, true);
}

function listOf(type: DataType): List {
  return new List(required("item", type));
}
