import { setTimeout as pause } from "node:timers/promises";

import type { Block } from "../../../src/devserver/source.ts";
import type { GeneratedSource } from "../../../src/devserver/sources/generated/source.ts";
import type { Connection } from "../postgres/sql-stream.ts";

const POLL_MS = 40;

/** In which column each table holds the hash of its block. */
const HASH_COLUMNS = { blocks: "hash", logs: "block_hash", transactions: "block_hash" } as const;

export type WatchedTable = keyof typeof HASH_COLUMNS;

/**
 * Looks at the tables of one schema, by polling and whenever it is asked to, and
 * holds against a model of the chain what each look saw: one whole chain from its
 * first block to the checkpoint, no hole, no second hash of a height, each block
 * with all its rows. Between two looks only blocks that are no longer canonical may go.
 */
export class ChainWatch implements AsyncDisposable {
  readonly faults: string[] = [];
  readonly #client: Connection;
  readonly #source: GeneratedSource;
  readonly #rowsPerBlock: Readonly<Partial<Record<WatchedTable, number>>>;
  readonly #sql: string;
  /** Every block that was canonical once, by hash. */
  readonly #known = new Map<string, Block>();
  readonly #lastSeen = new Map<WatchedTable, string>();
  /** What each table held at the last look. */
  readonly #held = new Map<WatchedTable, ReadonlySet<Block>>();
  #isOver = false;
  #looking: Promise<void> = Promise.resolve();
  #polling: Promise<void> = Promise.resolve();

  constructor(
    client: Connection,
    schema: string,
    source: GeneratedSource,
    rowsPerBlock: Readonly<Partial<Record<WatchedTable, number>>>,
  ) {
    this.#client = client;
    this.#source = source;
    this.#rowsPerBlock = rowsPerBlock;
    // One statement, so one snapshot of rows and checkpoints.
    this.#sql = Object.keys(rowsPerBlock)
      .map((table) => {
        const hash = HASH_COLUMNS[table as WatchedTable]; // Its keys.
        return `select c.table_name as table, c.block, (
            select string_agg(b.n || ' 0x' || b.hash || ' ' || b.rows, ',' order by b.n)
              from (select t._block_num as n, encode(t.${hash}, 'hex') as hash, count(*) as rows
                      from ${schema}.${table} t group by 1, 2) b) as blocks
           from (select s.table_name, s.checkpoint_block || ' 0x' || encode(s.checkpoint_hash, 'hex') as block
                   from ampsync_private.stream s
                  where s.target_schema = '${schema}' and s.table_name = '${table}') c`;
      })
      .join(" union all ");
  }

  /** Takes the canonical chain into the model: after each change of it. */
  remember(): void {
    const { chain } = this.#source;
    let block = chain.head();
    while (block !== null && !this.#known.has(block.hash)) {
      this.#known.set(block.hash, block);
      block = chain.canonical(block.number - 1n);
    }
  }

  poll(): void {
    this.#polling = (async () => {
      while (!this.#isOver) {
        await this.look();
        await pause(POLL_MS);
      }
    })();
  }

  look(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#look());
    return this.#looking;
  }

  async #look(): Promise<void> {
    const { rows } = await this.#client.query(this.#sql);
    for (const { table, block, blocks } of rows) {
      const sight = `${block}: ${blocks}`;
      if (this.#lastSeen.get(table) === sight) continue;
      this.#lastSeen.set(table, sight);
      const seen: string[] = blocks === null ? [] : blocks.split(",");
      for (const fault of [this.#faultOf(table, block, seen), this.#lossOf(table, seen)]) {
        if (fault !== null && this.faults.length < 10) this.faults.push(`${table} at ${block}: ${fault}`);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#polling.catch(() => {}); // Its database may be gone.
  }

  #faultOf(table: WatchedTable, checkpoint: string | null, seen: readonly string[]): string | null {
    let below: Block | null = null;
    for (const line of seen) {
      const [number, hash, rows] = line.split(" ");
      const block = this.#known.get(hash!);
      if (block === undefined || `${block.number}` !== number)
        return `block ${number} ${hash} was never canonical`;
      if (Number(rows) !== this.#rowsPerBlock[table]) return `block ${number} has ${rows} rows`;
      if (below === null && block.number !== this.#source.chain.start) return `the first block is ${number}`;
      if (below !== null && block.parentHash !== below.hash)
        return `block ${number} does not follow block ${below.number}`;
      below = block;
    }
    const tip = below === null ? null : `${below.number} ${below.hash}`;
    return tip === checkpoint ? null : `the last block is ${tip}`;
  }

  /** What was replaced never comes back, so what is canonical after the look was so since the look before. */
  #lossOf(table: WatchedTable, seen: readonly string[]): string | null {
    const held = new Set(seen.flatMap((line) => this.#known.get(line.split(" ")[1]!) ?? []));
    const before = this.#held.get(table) ?? new Set();
    this.#held.set(table, held);
    const { chain } = this.#source;
    const lost = [...before].filter(
      (block) => !held.has(block) && chain.canonical(block.number)?.hash === block.hash,
    );
    const [first] = lost;
    return first === undefined ? null : `${lost.length} canonical blocks from ${first.number} on are gone`;
  }
}
