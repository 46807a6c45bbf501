import type { Value } from "../../arrow/encode-values.ts";
import type { EvmTable } from "../../evm/schemas.ts";
import {
  bytes,
  fixedBytes,
  fixedBytesOrNull,
  type Json,
  list,
  object,
  quantity,
  quantityOrNull,
} from "./fields.ts";

/** The rows that one block adds to each table, cells in the order of the schema. */
export type BlockTables = Readonly<Record<EvmTable, readonly (readonly Value[])[]>>;

const NANOSECONDS = 1_000_000_000n;

/** From `eth_getBlockByNumber` with full transactions, and `eth_getBlockReceipts` of the same block. */
export function blockTables(block: Json, receipts: readonly Json[]): BlockTables {
  return {
    blocks: [blockRow(block)],
    logs: receipts.flatMap((receipt) => list(receipt["logs"]).map((log) => logRow(block, object(log)))),
    transactions: list(block["transactions"]).map((transaction, index) =>
      transactionRow(block, object(transaction), receipts[index] ?? {}),
    ),
  };
}

/** A field that a node omits becomes null if the column allows it, otherwise zero: older chains lack the newer fields. */
function blockRow(block: Json): readonly Value[] {
  const number = quantity(block["number"]);
  return [
    number,
    number,
    quantity(block["timestamp"]) * NANOSECONDS,
    fixedBytes(block["hash"], 32),
    fixedBytes(block["parentHash"], 32),
    fixedBytes(block["sha3Uncles"], 32),
    fixedBytes(block["miner"], 20),
    fixedBytes(block["stateRoot"], 32),
    fixedBytes(block["transactionsRoot"], 32),
    fixedBytes(block["receiptsRoot"], 32),
    bytes(block["logsBloom"]),
    quantityOrNull(block["difficulty"]) ?? 0n,
    quantityOrNull(block["totalDifficulty"]),
    quantity(block["gasLimit"]),
    quantity(block["gasUsed"]),
    bytes(block["extraData"]),
    fixedBytesOrNull(block["mixHash"], 32) ?? new Uint8Array(32),
    quantityOrNull(block["nonce"]) ?? 0n,
    quantityOrNull(block["baseFeePerGas"]),
    fixedBytesOrNull(block["withdrawalsRoot"], 32),
    quantityOrNull(block["blobGasUsed"]),
    quantityOrNull(block["excessBlobGas"]),
    fixedBytesOrNull(block["parentBeaconBlockRoot"], 32),
    fixedBytesOrNull(block["requestsHash"], 32),
  ];
}

function logRow(block: Json, log: Json): readonly Value[] {
  const number = quantity(block["number"]);
  const topics = list(log["topics"]);
  return [
    number,
    fixedBytes(block["hash"], 32),
    number,
    quantity(block["timestamp"]) * NANOSECONDS,
    fixedBytes(log["transactionHash"], 32),
    quantity(log["transactionIndex"]),
    quantity(log["logIndex"]),
    fixedBytes(log["address"], 20),
    ...[0, 1, 2, 3].map((at) => fixedBytesOrNull(topics[at], 32)),
    bytes(log["data"]),
  ];
}

function transactionRow(block: Json, transaction: Json, receipt: Json): readonly Value[] {
  const number = quantity(block["number"]);
  const type = quantityOrNull(transaction["type"]) ?? 0n;
  const gasPrice = quantityOrNull(transaction["gasPrice"]);
  // Types 0 and 1 name a price, which is also the most they pay; later types name a limit.
  const namesPrice = type < 2n;
  return [
    number,
    fixedBytes(block["hash"], 32),
    number,
    quantity(block["timestamp"]) * NANOSECONDS,
    quantity(transaction["transactionIndex"]),
    fixedBytes(transaction["hash"], 32),
    fixedBytesOrNull(transaction["to"], 20),
    quantity(transaction["nonce"]),
    namesPrice ? gasPrice : null,
    quantity(transaction["gas"]),
    quantity(transaction["value"]).toString(),
    bytes(transaction["input"]),
    fixedBytes(transaction["r"], 32),
    fixedBytes(transaction["s"], 32),
    parity(transaction),
    quantityOrNull(transaction["chainId"]),
    // Servers store the gas of the block up to and including this transaction.
    quantityOrNull(receipt["cumulativeGasUsed"]) ?? 0n,
    type,
    namesPrice ? gasPrice : quantityOrNull(transaction["maxFeePerGas"]),
    namesPrice ? null : quantityOrNull(transaction["maxPriorityFeePerGas"]),
    quantityOrNull(transaction["maxFeePerBlobGas"]),
    fixedBytes(transaction["from"], 20),
    quantityOrNull(receipt["status"]) === 1n,
    fixedBytesOrNull(receipt["root"], 32),
    listOrNull(transaction["accessList"], accessListItem),
    listOrNull(transaction["blobVersionedHashes"], (hash) => fixedBytes(hash, 32)),
    listOrNull(transaction["authorizationList"], authorization),
  ];
}

function accessListItem(item: unknown): Value {
  const { address, storageKeys } = object(item);
  return [fixedBytes(address, 20), list(storageKeys).map((key) => fixedBytes(key, 32))];
}

function authorization(item: unknown): Value {
  const { chainId, address, nonce, yParity, r, s } = object(item);
  return [
    quantity(chainId),
    fixedBytes(address, 20),
    quantity(nonce),
    quantity(yParity) === 1n,
    fixedBytes(r, 32),
    fixedBytes(s, 32),
  ];
}

function listOrNull(value: unknown, item: (value: unknown) => Value): Value {
  return value === undefined || value === null ? null : list(value).map(item);
}

/** The parity of the signature. Legacy transactions have it in `v`: 27 or 28, or from 35 on with the chain id included. */
function parity(transaction: Json): boolean {
  const direct = quantityOrNull(transaction["yParity"]);
  if (direct !== null) return direct === 1n;
  const v = quantityOrNull(transaction["v"]) ?? 0n;
  return v >= 27n ? (v & 1n) === 0n : v === 1n;
}
