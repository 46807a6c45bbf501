import type { BlockHash } from "../../../protocol/block-range.ts";
import type { Block, Chain } from "../../source.ts";
import { type BlockTables, blockTables } from "./evm-rows.ts";
import { blockHash, list, object, quantity } from "./fields.ts";
import type { JsonRpc } from "./json-rpc.ts";

/** A block with the rows made from it. */
export interface FollowedBlock extends Block {
  readonly tables: BlockTables;
}

/** The number of blocks that are fetched with one request, and made visible together. */
const BLOCKS_PER_REQUEST = 50n;

/** A copy of a node's chain from block 0 on, orphans included, in memory. */
export class BlockFollower implements Chain {
  readonly start = 0n;
  readonly #rpc: JsonRpc;
  /** The canonical blocks; the index is the block number. */
  #blocks: FollowedBlock[] = [];
  readonly #seen = new Map<BlockHash, FollowedBlock>();

  constructor(rpc: JsonRpc) {
    this.#rpc = rpc;
  }

  head(): FollowedBlock | null {
    return this.#blocks.at(-1) ?? null;
  }

  canonical(number: bigint): FollowedBlock | null {
    return number < 0n ? null : (this.#blocks[Number(number)] ?? null);
  }

  stored(number: bigint, hash: BlockHash): Block | null {
    const block = this.#seen.get(hash);
    return block?.number === number ? block : null;
  }

  /**
   * Brings the copy up to the node's head and calls `onChange` after each step. Old
   * blocks are removed only in the step that brings their first replacement, so that a
   * reorg that is still being fetched never shows as a shorter chain.
   */
  async catchUp(onChange: () => void, signal: AbortSignal): Promise<void> {
    const latest = await this.#header("latest");
    if (latest === null || latest.hash === this.head()?.hash) {
      return;
    }
    let kept = await this.#commonLength(latest.number);
    while (BigInt(kept) <= latest.number) {
      const first = BigInt(kept);
      const last = minimum(first + BLOCKS_PER_REQUEST - 1n, latest.number);
      const blocks = await this.#fetch(first, last, signal);
      if (!isLinked(this.#blocks[kept - 1], blocks)) {
        return; // The chain moved in between; the next call starts again.
      }
      for (const block of blocks) {
        this.#seen.set(block.hash, block);
      }
      this.#blocks = [...this.#blocks.slice(0, kept), ...blocks];
      kept += blocks.length;
      onChange();
    }
  }

  /** How many blocks of the copy the node still has. */
  async #commonLength(latest: bigint): Promise<number> {
    let length = this.#blocks.length;
    if (BigInt(length) > latest + 1n) {
      length = Number(latest) + 1;
    }
    while (length > 0) {
      const header = await this.#header(`0x${(length - 1).toString(16)}`);
      if (header?.hash === this.#blocks[length - 1]!.hash) {
        break;
      }
      length -= 1;
    }
    return length;
  }

  async #header(tag: string): Promise<{ number: bigint; hash: BlockHash } | null> {
    const answer = await this.#rpc.call("eth_getBlockByNumber", tag, false);
    if (answer === null) {
      return null;
    }
    const { number, hash } = object(answer);
    return { number: quantity(number), hash: blockHash(hash) };
  }

  async #fetch(first: bigint, last: bigint, signal: AbortSignal): Promise<readonly FollowedBlock[]> {
    const tags: string[] = [];
    for (let number = first; number <= last; number++) {
      tags.push(`0x${number.toString(16)}`);
    }
    const answers = await this.#rpc.batch(
      tags.flatMap((tag) => [
        { method: "eth_getBlockByNumber", params: [tag, true] },
        { method: "eth_getBlockReceipts", params: [tag] },
      ]),
      signal,
    );
    const blocks: FollowedBlock[] = [];
    for (let at = 0; at < answers.length; at += 2) {
      const block = followedBlock(answers[at], answers[at + 1]);
      if (block === null) break;
      blocks.push(block);
    }
    return blocks;
  }
}

/** Null if the chain moved between the two answers, so that they describe different blocks. */
function followedBlock(block: unknown, receipts: unknown): FollowedBlock | null {
  if (block === null || receipts === null) {
    return null;
  }
  const json = object(block);
  const ofBlock = list(receipts).map(object);
  const hash = blockHash(json["hash"]);
  const isWhole =
    ofBlock.length === list(json["transactions"]).length &&
    ofBlock.every((receipt) => blockHash(receipt["blockHash"]) === hash);
  if (!isWhole) {
    return null;
  }
  return {
    number: quantity(json["number"]),
    hash,
    parentHash: blockHash(json["parentHash"]),
    timestamp: Number(quantity(json["timestamp"])),
    tables: blockTables(json, ofBlock),
  };
}

/** Whether each block is the parent of the next; false for an empty answer. */
function isLinked(before: Block | undefined, blocks: readonly Block[]): boolean {
  let parent = before;
  for (const block of blocks) {
    if (parent !== undefined && block.parentHash !== parent.hash) {
      return false;
    }
    parent = block;
  }
  return blocks.length > 0;
}

function minimum(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
