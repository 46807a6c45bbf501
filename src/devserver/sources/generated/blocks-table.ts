import type { Value } from "../../arrow/encode-values.ts";
import { EVM_SCHEMAS } from "../../evm/schemas.ts";
import type { GeneratedBlock } from "./chain.ts";
import {
  type ColumnGenerator,
  cells,
  nullableWords,
  sameInBlock64,
  sameInBlockWords,
  words,
} from "./columns.ts";
import { hash32, type RandomWords } from "./random-words.ts";
import { B20_WORDS, B32_WORDS, timestampOf } from "./shared-values.ts";

const MINERS = 16;
const GAS_LIMIT = 30_000_000;

/** A block nonce from mainnet that does not fit a signed 64-bit integer. */
const LARGE_NONCE = 11_581_608_188_404_422_748n;

export function blockColumns(random: RandomWords): Readonly<Record<string, ColumnGenerator>> {
  const hash = (salt: number) => nullableWords(random, B32_WORDS, salt, 0);
  const column = (name: string, cell: (block: GeneratedBlock, key: number) => Value) => {
    const { type } = EVM_SCHEMAS.blocks.fields.find((field) => field.name === name)!;
    return cells(type, (block) => cell(block, hash32(block.key ^ 9, name.length)));
  };
  return {
    _block_num: sameInBlock64((block) => block.number),
    block_num: sameInBlock64((block) => block.number),
    timestamp: sameInBlock64(timestampOf),
    hash: sameInBlockWords(B32_WORDS, (block) => block.hashWords),
    parent_hash: sameInBlockWords(B32_WORDS, (block) => block.parentHashWords),
    ommers_hash: hash(10),
    miner: words(B20_WORDS, (target, at, block) =>
      random.copy(target, at, B20_WORDS, (block.key % MINERS) * B20_WORDS),
    ),
    state_root: hash(11),
    transactions_root: hash(12),
    receipt_root: hash(13),
    logs_bloom: column("logs_bloom", (_, key) => random.bytes(256, key)),
    difficulty: column("difficulty", () => 0n),
    total_difficulty: column("total_difficulty", () => null),
    gas_limit: sameInBlock64(() => BigInt(GAS_LIMIT)),
    gas_used: sameInBlock64((block) => BigInt(block.key % GAS_LIMIT)),
    extra_data: column("extra_data", (_, key) => random.bytes(key % 33, key)),
    mix_hash: hash(14),
    nonce: sameInBlock64((block) => LARGE_NONCE - block.number),
    base_fee_per_gas: column("base_fee_per_gas", (_, key) => BigInt(key)),
    withdrawals_root: hash(15),
    blob_gas_used: sameInBlock64((block) => BigInt(block.key % 7) * 131_072n),
    excess_blob_gas: sameInBlock64((block) => BigInt(block.key % 5) * 131_072n),
    parent_beacon_root: hash(16),
    requests_hash: nullableWords(random, B32_WORDS, 17, 128),
  };
}
