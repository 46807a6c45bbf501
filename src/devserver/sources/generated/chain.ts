import { AmpsyncError } from "../../../errors.ts";
import type { BlockHash } from "../../../protocol/block-range.ts";
import type { Block, Chain } from "../../source.ts";
import { hash32 } from "./random-words.ts";

/**
 * A branch of the chain: it begins with block `from`, below which its parent is. A
 * branch never changes, so holding it means holding its blocks.
 */
interface Branch {
  readonly id: number;
  readonly from: bigint;
  readonly parent: Branch | null;
}

/** The values from which the rows of a block are made. Hashes are words here: as text they would cost more than the rows. */
export interface GeneratedBlock {
  readonly number: bigint;
  /** Unix seconds. */
  readonly timestamp: number;
  readonly hashWords: Uint32Array;
  readonly parentHashWords: Uint32Array;
  /** The seed of everything random in the block. */
  readonly key: number;
}

const GENESIS_TIMESTAMP = 1_700_000_000n;
const BLOCK_SECONDS = 12n;
const HASH_WORDS = 8;

export interface GeneratedChainOptions {
  readonly seed: number;
  /** Number of the first block. */
  readonly start: bigint;
  readonly blocks: number;
  /** A fork becomes canonical when it is higher than the branch it replaces, as on servers that follow a network. */
  readonly keepsHigher: boolean;
}

/** A chain whose blocks follow from (seed, branch, number); only orphans are stored. */
export class GeneratedChain implements Chain {
  readonly start: bigint;
  readonly #seed: number;
  readonly #keepsHigher: boolean;
  #tip: Branch;
  #branches = 1;
  /** One below `start` while the chain is empty. */
  #height: bigint;
  /** A fork that is not high enough yet. */
  #coming: { readonly tip: Branch; readonly height: bigint } | null = null;
  readonly #orphans = new Map<BlockHash, Block>();

  constructor({ seed, start, blocks, keepsHigher }: GeneratedChainOptions) {
    this.start = start;
    this.#seed = seed;
    this.#keepsHigher = keepsHigher;
    this.#tip = { id: 0, from: start, parent: null };
    this.#height = start + BigInt(blocks) - 1n;
  }

  head(): Block | null {
    return this.canonical(this.#height);
  }

  canonical(number: bigint): Block | null {
    return number < this.start || number > this.#height ? null : asBlock(this.#block(this.#tip, number));
  }

  stored(number: bigint, hash: BlockHash): Block | null {
    const canonical = this.canonical(number);
    if (canonical?.hash === hash) {
      return canonical;
    }
    const orphan = this.#orphans.get(hash);
    return orphan?.number === number ? orphan : null;
  }

  /** A snapshot: the blocks of the branch that is canonical now, whatever happens later. */
  blocksNow(): (number: bigint) => GeneratedBlock {
    const tip = this.#tip;
    return (number) => this.#block(tip, number);
  }

  /** Appends to the newest fork. */
  mine(blocks: number): void {
    if (this.#coming !== null) {
      this.#follow(this.#coming.tip, this.#coming.height + BigInt(blocks));
    } else {
      this.#height += BigInt(blocks);
    }
  }

  /** Replaces the last `depth` blocks of the newest fork by `newLength` others. */
  reorg(depth: number, newLength: number): void {
    const { tip, height } = this.#coming ?? { tip: this.#tip, height: this.#height };
    const from = height - BigInt(depth) + 1n;
    if (depth < 1 || from < this.start) {
      throw new AmpsyncError("SY004", `a reorg of ${depth} blocks does not fit the chain`, {
        detail: `It holds blocks ${this.start} to ${height}.`,
      });
    }
    const fork = { id: this.#branches, from, parent: branchOf(tip, from - 1n) };
    this.#branches += 1;
    this.#follow(fork, from + BigInt(newLength) - 1n);
  }

  #follow(tip: Branch, height: bigint): void {
    if (this.#keepsHigher && height <= this.#height) {
      this.#coming = { tip, height };
      return;
    }
    this.#coming = null;
    for (let number = this.#height; number >= this.start; number--) {
      if (branchOf(tip, number) === branchOf(this.#tip, number)) break;
      const orphan = asBlock(this.#block(this.#tip, number));
      this.#orphans.set(orphan.hash, orphan);
    }
    this.#tip = tip;
    this.#height = height;
  }

  #block(tip: Branch, number: bigint): GeneratedBlock {
    const hashWords = this.#hashWords(tip, number);
    return {
      number,
      timestamp: Number(GENESIS_TIMESTAMP + BLOCK_SECONDS * number),
      hashWords,
      parentHashWords: number === 0n ? new Uint32Array(HASH_WORDS) : this.#hashWords(tip, number - 1n),
      key: hashWords[0]!,
    };
  }

  /** The last two words alone distinguish all blocks, up to block 2^32. */
  #hashWords(tip: Branch, number: bigint): Uint32Array {
    const low = Number(BigInt.asUintN(32, number));
    const branch = branchOf(tip, number).id;
    const key = hash32(hash32(this.#seed, branch), low);
    const words = new Uint32Array(HASH_WORDS);
    for (let i = 0; i < HASH_WORDS - 2; i++) {
      words[i] = hash32(key, i);
    }
    words[HASH_WORDS - 2] = low ^ this.#seed;
    words[HASH_WORDS - 1] = branch ^ hash32(this.#seed, low);
    return words;
  }
}

/** The branch of a block; blocks before the first one count as part of the branch. */
function branchOf(tip: Branch, number: bigint): Branch {
  let branch = tip;
  while (branch.parent !== null && branch.from > number) {
    branch = branch.parent;
  }
  return branch;
}

function asBlock({ number, timestamp, hashWords, parentHashWords }: GeneratedBlock): Block {
  return { number, timestamp, hash: hashText(hashWords), parentHash: hashText(parentHashWords) };
}

function hashText(words: Uint32Array): BlockHash {
  return `0x${Buffer.from(words.buffer).toString("hex")}`;
}
