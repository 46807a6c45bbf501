import type { Value } from "../../arrow/encode-values.ts";
import { EVM_SCHEMAS } from "../../evm/schemas.ts";
import {
  type ColumnGenerator,
  cells,
  nullableWords,
  sameInBlock64,
  sameInBlockWords,
  uint32,
  words,
} from "./columns.ts";
import { hash32, type RandomWords } from "./random-words.ts";
import { B20_WORDS, B32_WORDS, CONTRACTS, timestampOf, writeTransactionHash } from "./shared-values.ts";

/** How often each type occurs: mostly 2, as on mainnet. */
const TYPES = [0, 2, 2, 2, 2, 1, 2, 4] as const;
const CHAIN_ID = 31_337n;
const GWEI = 1_000_000_000n;

export function transactionColumns(random: RandomWords): Readonly<Record<string, ColumnGenerator>> {
  /** `key` is random, but the same for all columns of a row, so that their values fit together. */
  const column = (name: string, cell: (key: number, type: number, row: number) => Value) => {
    const { type } = EVM_SCHEMAS.transactions.fields.find((field) => field.name === name)!;
    return cells(type, (block, row) => {
      const key = hash32(block.key ^ 8, row);
      return cell(key, TYPES[key & 7]!, row);
    });
  };
  return {
    _block_num: sameInBlock64((block) => block.number),
    block_hash: sameInBlockWords(B32_WORDS, (block) => block.hashWords),
    block_num: sameInBlock64((block) => block.number),
    timestamp: sameInBlock64(timestampOf),
    tx_index: uint32((row) => row),
    tx_hash: words(B32_WORDS, (target, at, block, row) =>
      writeTransactionHash(random, target, at, block, row),
    ),
    to: column("to", (key) => (key % 50 === 0 ? null : random.bytes(20, (key % CONTRACTS) * B20_WORDS))),
    nonce: column("nonce", (key) => BigInt(key % 10_000)),
    gas_price: column("gas_price", (key, type) => (type < 2 ? BigInt(key) : null)),
    gas_limit: column("gas_limit", (key) => BigInt(21_000 + (key % 1_000_000))),
    value: column("value", (key) => `${BigInt(key) * GWEI * 1000n}`),
    input: column("input", (key) => random.bytes(4 + 32 * (key % 8), key)),
    r: nullableWords(random, B32_WORDS, 20, 0),
    s: nullableWords(random, B32_WORDS, 21, 0),
    v_parity: column("v_parity", (key) => (key & 8) !== 0),
    chain_id: column("chain_id", (key, type) => (type === 0 && (key & 16) !== 0 ? null : CHAIN_ID)),
    gas_used: column("gas_used", (_key, _type, row) => BigInt(21_000 * (row + 1))),
    type: column("type", (_, type) => type),
    max_fee_per_gas: column("max_fee_per_gas", (key) => BigInt(key)),
    max_priority_fee_per_gas: column("max_priority_fee_per_gas", (_, type) => (type < 2 ? null : GWEI)),
    max_fee_per_blob_gas: column("max_fee_per_blob_gas", () => null),
    from: nullableWords(random, B20_WORDS, 22, 0),
    status: column("status", (key) => key % 20 !== 0),
    state_root: column("state_root", () => null),
    access_list: column("access_list", (key, type) => (type === 0 ? null : accessList(key, random))),
    blob_versioned_hashes: column("blob_versioned_hashes", () => null),
    authorization_list: column("authorization_list", (key, type) =>
      type === 4 ? [authorization(key, random)] : null,
    ),
  };
}

/** Up to two addresses; the first without storage keys, the second with one. */
function accessList(key: number, random: RandomWords): Value {
  return Array.from({ length: (key >>> 8) % 3 }, (_, at) => [
    random.bytes(20, key ^ at),
    Array.from({ length: at }, () => random.bytes(32, key)),
  ]);
}

function authorization(key: number, random: RandomWords): Value {
  const nonce = BigInt(key % 100);
  return [CHAIN_ID, random.bytes(20, key), nonce, true, random.bytes(32, key), random.bytes(32, ~key)];
}
