import {
  type ColumnGenerator,
  nullableWords,
  sameInBlock64,
  sameInBlockWords,
  uint32,
  words,
  wordsOfAnyLength,
} from "./columns.ts";
import { hash32, type RandomWords } from "./random-words.ts";
import { B20_WORDS, B32_WORDS, CONTRACTS, timestampOf, writeTransactionHash } from "./shared-values.ts";

/** Logs come from this many kinds of events. */
const EVENT_SIGNATURES = 64;

/** About 330 bytes per row; topics are null as often as on mainnet. */
export function logColumns(
  random: RandomWords,
  transactionOf: (log: number) => number,
): Readonly<Record<string, ColumnGenerator>> {
  return {
    _block_num: sameInBlock64((block) => block.number),
    block_hash: sameInBlockWords(B32_WORDS, (block) => block.hashWords),
    block_num: sameInBlock64((block) => block.number),
    timestamp: sameInBlock64(timestampOf),
    tx_hash: words(B32_WORDS, (target, at, block, row) =>
      writeTransactionHash(random, target, at, block, transactionOf(row)),
    ),
    tx_index: uint32(transactionOf),
    log_index: uint32((row) => row),
    address: words(B20_WORDS, (target, at, block, row) =>
      random.copy(target, at, B20_WORDS, (hash32(block.key ^ 1, row) % CONTRACTS) * B20_WORDS),
    ),
    topic0: words(B32_WORDS, (target, at, block, row) =>
      random.copy(target, at, B32_WORDS, (hash32(block.key ^ 2, row) % EVENT_SIGNATURES) * B32_WORDS),
    ),
    topic1: nullableWords(random, B32_WORDS, 3, 40),
    topic2: nullableWords(random, B32_WORDS, 4, 64),
    topic3: nullableWords(random, B32_WORDS, 5, 180),
    data: wordsOfAnyLength(random, 6),
  };
}
