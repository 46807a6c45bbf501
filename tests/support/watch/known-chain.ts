import type { Chain } from "../../../src/devserver/source.ts";
import type { EvmTable } from "../chain/evm-tables.ts";

/** How many rows a block adds to each table. */
export type RowsPerBlock = Readonly<Partial<Record<EvmTable, number>>>;

/** A block that was canonical at some time, from its source's own mouth. */
export interface KnownBlock {
  readonly number: bigint;
  readonly hash: string;
  readonly parentHash: string;
  readonly rows: RowsPerBlock;
}

/** What one statement saw of one table: the number, hash and count of rows of each block, in their order. */
export interface Sight {
  readonly table: EvmTable;
  readonly blocks: readonly { readonly number: string; readonly hash: string; readonly rows: number }[];
}

/** Every block that a reader may see: what is canonical, and what was. */
export class KnownChain {
  readonly #blocks = new Map<string, KnownBlock>();

  add(blocks: Iterable<KnownBlock>): void {
    for (const block of blocks) this.#blocks.set(block.hash, block);
  }

  /** Takes in the canonical chain of a source: after each change of it. */
  remember(chain: Chain, rows: RowsPerBlock): void {
    let block = chain.head();
    while (block !== null && !this.#blocks.has(block.hash)) {
      this.#blocks.set(block.hash, { ...block, rows });
      block = chain.canonical(block.number - 1n);
    }
  }

  /** The block of that hash and all below it; empty where it was never canonical. */
  upTo(hash: string): readonly KnownBlock[] {
    const chain: KnownBlock[] = [];
    for (let block = this.#blocks.get(hash); block !== undefined; ) {
      chain.push(block);
      block = this.#blocks.get(block.parentHash);
    }
    return chain.reverse();
  }

  /** Nothing if the rows of a sight are exactly those of one chain, from its first block to the highest one seen. */
  faultsOf({ table, blocks }: Sight): readonly string[] {
    const tip = blocks.at(-1);
    if (tip === undefined) return [];
    const chain = this.upTo(tip.hash);
    if (chain.length === 0) return [`block ${tip.number} ${tip.hash} was never canonical`];
    const line = (number: bigint | string, hash: string, rows: number) =>
      `block ${number} ${hash}: ${rows} rows`;
    const expected = chain.flatMap(({ number, hash, rows: { [table]: rows = 0 } }) =>
      rows > 0 ? line(number, hash, rows) : [],
    );
    const seen = blocks.map(({ number, hash, rows }) => line(number, hash, rows));
    return [
      ...without(seen, expected).map((each) => `had ${each}`),
      ...without(expected, seen).map((each) => `lacked ${each}`),
    ];
  }
}

function without(lines: readonly string[], others: readonly string[]): readonly string[] {
  const known = new Set(others);
  return lines.filter((line) => !known.has(line));
}
