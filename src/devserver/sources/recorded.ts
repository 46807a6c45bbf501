import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { type Data, type Schema, tableFromIPC } from "apache-arrow";

import { AmpsyncError } from "../../errors.ts";
import type { BlockHash } from "../../protocol/block-range.ts";
import { encodeBatch } from "../arrow/ipc.ts";
import { sliceData } from "../arrow/slice-data.ts";
import type { Rows } from "../arrow/split-rows.ts";
import type { Block, Chain, Source } from "../source.ts";

const TABLES = ["blocks", "logs", "transactions"] as const;

/** A recorded table: its columns, each in one piece, and the block of every row, ascending. */
interface RecordedTable {
  readonly schema: Schema;
  readonly columns: readonly Data[];
  readonly blockNumbers: BigUint64Array;
}

/**
 * A fixed chain from recorded Arrow streams: `<set>.<table>.arrows` in a folder
 * whose `ranges.json` names the network of each set. Rows are sent with exactly the
 * recorded bytes.
 */
export class RecordedSource implements Source {
  readonly network: string;
  readonly tables: ReadonlyMap<string, Schema>;
  readonly chain: Chain;
  readonly #recorded: ReadonlyMap<string, RecordedTable>;

  constructor(folder: string, set: string) {
    const recorded = new Map<string, RecordedTable>();
    for (const table of TABLES) {
      const file = join(folder, `${set}.${table}.arrows`);
      if (existsSync(file)) {
        recorded.set(table, readTable(file));
      }
    }
    const blocks = recorded.get("blocks");
    if (blocks === undefined) {
      throw new AmpsyncError("SY902", `there is no recorded set "${set}"`, {
        detail: `${join(folder, `${set}.blocks.arrows`)} does not exist.`,
      });
    }
    this.#recorded = recorded;
    this.tables = new Map([...recorded].map(([name, { schema }]) => [name, schema]));
    this.network = networkOf(folder, set);
    this.chain = new FixedChain(readBlocks(blocks));
  }

  rows(table: string, columns: readonly number[], start: bigint, end: bigint): Rows {
    const recorded = this.#recorded.get(table)!; // The server asks only for names in `tables`.
    const first = recorded.blockNumbers.findIndex((number) => number >= start);
    const last = recorded.blockNumbers.findLastIndex((number) => number <= end);
    return {
      count: first === -1 ? 0 : last + 1 - first,
      encode: (from, to) =>
        encodeBatch(
          to - from,
          columns.map((column) => sliceData(recorded.columns[column]!, first + from, first + to)),
        ),
    };
  }

  lastBlockWithRows(table: string): bigint | null {
    return this.#recorded.get(table)?.blockNumbers.at(-1) ?? null;
  }

  onChange(): () => void {
    return () => {};
  }

  close(): void {}
}

class FixedChain implements Chain {
  readonly start: bigint;
  readonly #blocks: readonly Block[];

  constructor(blocks: readonly Block[]) {
    this.#blocks = blocks;
    this.start = blocks[0]?.number ?? 0n;
  }

  head(): Block | null {
    return this.#blocks.at(-1) ?? null;
  }

  canonical(number: bigint): Block | null {
    return this.#blocks.find((block) => block.number === number) ?? null;
  }

  stored(number: bigint, hash: BlockHash): Block | null {
    const block = this.canonical(number);
    return block?.hash === hash ? block : null;
  }
}

function readTable(file: string): RecordedTable {
  const table = tableFromIPC(readFileSync(file));
  const columns = table.schema.fields.map((field, at) => {
    const { data } = table.getChildAt(at)!;
    if (data.length !== 1) {
      throw new AmpsyncError("SY902", `${file} should hold one record batch`, {
        detail: `Column ${field.name} comes in ${data.length} pieces.`,
      });
    }
    return data[0]!;
  });
  const blockNumber = table.schema.fields.findIndex((field) => field.name === "_block_num");
  return { schema: table.schema, columns, blockNumbers: columns[blockNumber]!.values };
}

function readBlocks(table: RecordedTable): readonly Block[] {
  const column = (name: string) => table.columns[table.schema.fields.findIndex((f) => f.name === name)]!;
  const hashAt = (data: Data, row: number): BlockHash =>
    `0x${Buffer.from(data.values.subarray(row * 32, (row + 1) * 32)).toString("hex")}`;
  const [hashes, parents] = [column("hash"), column("parent_hash")];
  const times: BigInt64Array = column("timestamp").values;
  return Array.from(table.blockNumbers, (number, row) => ({
    number,
    hash: hashAt(hashes, row),
    parentHash: hashAt(parents, row),
    timestamp: Number(times[row]! / 1_000_000_000n),
  }));
}

function networkOf(folder: string, set: string): string {
  const { files } = JSON.parse(readFileSync(join(folder, "ranges.json"), "utf8"));
  return files[`${set}.blocks.parquet`].ranges[0].network;
}
