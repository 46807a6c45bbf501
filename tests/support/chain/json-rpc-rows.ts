import { timestampText } from "../arrow/arrow-rows.ts";
import type { Cell, Row } from "../postgres/tables.ts";
import type { KnownBlock } from "../watch/known-chain.ts";

/** What a node says of its chain. */
export interface ReportedChain {
  /** Rows of each table as PostgreSQL should show them, in the order of the chain. */
  readonly tables: Readonly<Record<string, readonly Row[]>>;
  readonly blocks: readonly KnownBlock[];
}

type Json = Readonly<Record<string, string | null | undefined>>;
interface JsonBlock extends Json {
  readonly hash: string;
  readonly parentHash: string;
  readonly timestamp: string;
}

/** Asks a node for its whole chain. Shares no code with what is tested. */
export async function reportedChain(url: string): Promise<ReportedChain> {
  const [head, allLogs] = await ask(url, [
    { method: "eth_blockNumber", params: [] },
    { method: "eth_getLogs", params: [{ fromBlock: "0x0", toBlock: "latest" }] },
  ]);
  const numbers = Array.from({ length: Number(head) + 1 }, (_, number) => `0x${number.toString(16)}`);
  const answers = await ask(
    url,
    numbers.flatMap((number) => [
      { method: "eth_getBlockByNumber", params: [number, true] },
      { method: "eth_getBlockReceipts", params: [number] },
    ]),
  );

  // Shapes as the execution API of Ethereum defines them.
  const blocks = numbers.map((_, at) => answers[2 * at] as JsonBlock);
  const logs = allLogs as readonly (Json & { topics: readonly string[] })[];
  const transactions = blocks.map((block) => block["transactions"] as unknown as readonly Json[]);
  const receipts = numbers.map((_, at) => answers[2 * at + 1] as readonly Json[]);
  return {
    tables: {
      blocks: blocks.map(blockRow),
      logs: logs.map((log) => logRow(blocks[Number(log["blockNumber"])]!, log)),
      transactions: transactions.flatMap((ofBlock, number) =>
        ofBlock.map((transaction, at) =>
          transactionRow(blocks[number]!, transaction, receipts[number]![at]!),
        ),
      ),
    },
    blocks: blocks.map(({ hash, parentHash }, number) => ({
      number: BigInt(number),
      hash,
      parentHash,
      rows: {
        blocks: 1,
        logs: logs.filter((log) => log["blockHash"] === hash).length,
        transactions: transactions[number]!.length,
      },
    })),
  };
}

async function ask(url: string, calls: readonly object[]): Promise<readonly unknown[]> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(calls.map((call, id) => ({ jsonrpc: "2.0", id, ...call }))),
  });
  const answers = (await response.json()) as { id: number; result: unknown }[];
  return answers.sort((a, b) => a.id - b.id).map(({ result }) => result);
}

function blockRow(block: JsonBlock): Row {
  return {
    _block_num: quantity(block["number"]),
    block_num: quantity(block["number"]),
    timestamp: timestampText(BigInt(block.timestamp)),
    hash: bytes(block.hash),
    parent_hash: bytes(block.parentHash),
    ommers_hash: bytes(block["sha3Uncles"]),
    miner: bytes(block["miner"]),
    state_root: bytes(block["stateRoot"]),
    transactions_root: bytes(block["transactionsRoot"]),
    receipt_root: bytes(block["receiptsRoot"]),
    logs_bloom: bytes(block["logsBloom"]),
    difficulty: quantity(block["difficulty"]),
    total_difficulty: quantity(block["totalDifficulty"]),
    gas_limit: quantity(block["gasLimit"]),
    gas_used: quantity(block["gasUsed"]),
    extra_data: bytes(block["extraData"]),
    mix_hash: bytes(block["mixHash"]),
    nonce: quantity(block["nonce"]),
    base_fee_per_gas: quantity(block["baseFeePerGas"]),
    withdrawals_root: bytes(block["withdrawalsRoot"]),
    blob_gas_used: quantity(block["blobGasUsed"]),
    excess_blob_gas: quantity(block["excessBlobGas"]),
    parent_beacon_root: bytes(block["parentBeaconBlockRoot"]),
    requests_hash: bytes(block["requestsHash"]),
  };
}

function logRow(block: JsonBlock, log: Json & { readonly topics: readonly string[] }): Row {
  return {
    _block_num: quantity(log["blockNumber"]),
    block_hash: bytes(log["blockHash"]),
    block_num: quantity(log["blockNumber"]),
    timestamp: timestampText(BigInt(block.timestamp)),
    tx_hash: bytes(log["transactionHash"]),
    tx_index: quantity(log["transactionIndex"]),
    log_index: quantity(log["logIndex"]),
    address: bytes(log["address"]),
    topic0: bytes(log.topics[0]),
    topic1: bytes(log.topics[1]),
    topic2: bytes(log.topics[2]),
    topic3: bytes(log.topics[3]),
    data: bytes(log["data"]),
  };
}

function transactionRow(block: JsonBlock, transaction: Json, receipt: Json): Row {
  const namesPrice = Number(transaction["type"]) < 2;
  return {
    _block_num: quantity(transaction["blockNumber"]),
    block_hash: bytes(transaction["blockHash"]),
    block_num: quantity(transaction["blockNumber"]),
    timestamp: timestampText(BigInt(block.timestamp)),
    tx_index: quantity(transaction["transactionIndex"]),
    tx_hash: bytes(transaction["hash"]),
    to: bytes(transaction["to"]),
    nonce: quantity(transaction["nonce"]),
    gas_price: namesPrice ? quantity(transaction["gasPrice"]) : null,
    gas_limit: quantity(transaction["gas"]),
    value: quantity(transaction["value"]),
    input: bytes(transaction["input"]),
    r: word(transaction["r"]),
    s: word(transaction["s"]),
    v_parity: String(isOdd(transaction)),
    chain_id: quantity(transaction["chainId"]),
    gas_used: quantity(receipt["cumulativeGasUsed"]),
    type: quantity(transaction["type"]),
    max_fee_per_gas: quantity(transaction[namesPrice ? "gasPrice" : "maxFeePerGas"]),
    max_priority_fee_per_gas: quantity(transaction["maxPriorityFeePerGas"]),
    max_fee_per_blob_gas: quantity(transaction["maxFeePerBlobGas"]),
    from: bytes(transaction["from"]),
    status: String(receipt["status"] === "0x1"),
    state_root: bytes(receipt["root"]),
    access_list: accessList(transaction["accessList"]),
    blob_versioned_hashes: null, // No test sends blobs …
    authorization_list: null, // … or sets code.
  };
}

/** A part of the signature: what `v` says in legacy transactions, and `yParity` in later ones. */
function isOdd(transaction: Json): boolean {
  const { yParity, v } = transaction;
  return yParity == null ? Number(v) % 2 === 0 : yParity === "0x1";
}

function accessList(value: unknown): Cell {
  if (value == null) return null;
  const entries = value as readonly { address: string; storageKeys: readonly string[] }[];
  return entries.map(({ address, storageKeys }) => ({
    address: address.toLowerCase(),
    storage_keys: storageKeys.map((key) => key.toLowerCase()),
  }));
}

function bytes(value: string | null | undefined): string | null {
  return value == null ? null : `\\x${value.slice(2).toLowerCase()}`;
}

/** 32 bytes of what nodes send as a number. */
function word(value: string | null | undefined): string | null {
  return value == null ? null : `\\x${value.slice(2).toLowerCase().padStart(64, "0")}`;
}

function quantity(value: string | null | undefined): string | null {
  return value == null ? null : BigInt(value).toString();
}
