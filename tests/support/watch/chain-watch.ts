import { setTimeout as pause } from "node:timers/promises";

import type { Chain, Source } from "../../../src/devserver/source.ts";
import { EVM_TABLES, type EvmTable, HASH_COLUMNS } from "../chain/evm-tables.ts";
import type { Connection } from "../postgres/sql-stream.ts";
import { KnownChain, type RowsPerBlock, type Sight } from "./known-chain.ts";

const POLL_MS = 40;

/**
 * Looks at the tables of one schema, by polling and whenever it is asked to, and
 * holds against a model of the chain what each look saw: one whole chain from its
 * first block to the checkpoint, no hole, no second hash of a height, each block
 * with all its rows. Between two looks only blocks that are no longer canonical may go.
 */
export class ChainWatch implements AsyncDisposable {
  readonly faults: string[] = [];
  readonly #client: Connection;
  readonly #chain: Chain;
  readonly #rowsPerBlock: RowsPerBlock;
  readonly #sql: string;
  readonly #known = new KnownChain();
  readonly #lastSeen = new Map<EvmTable, string>();
  /** What each table held at the last look. */
  readonly #held = new Map<EvmTable, Sight["blocks"]>();
  #isOver = false;
  #looking: Promise<void> = Promise.resolve();
  #polling: Promise<void> = Promise.resolve();

  constructor(client: Connection, schema: string, { chain }: Source, rowsPerBlock: RowsPerBlock) {
    this.#client = client;
    this.#chain = chain;
    this.#rowsPerBlock = rowsPerBlock;
    // One statement, so one snapshot of rows and checkpoints.
    this.#sql = EVM_TABLES.filter((table) => table in rowsPerBlock)
      .map(
        (table) => `select c.table_name as table, c.block, (
            select coalesce(json_agg(json_build_object('number', b.n::text, 'hash', b.hash, 'rows', b.rows) order by b.n)::text, '[]')
              from (select t._block_num as n, '0x' || encode(t.${HASH_COLUMNS[table]}, 'hex') as hash, count(*) as rows
                      from ${schema}.${table} t group by 1, 2) b) as blocks
           from (select s.table_name, s.checkpoint_block || ' 0x' || encode(s.checkpoint_hash, 'hex') as block
                   from ampsync_private.stream s
                  where s.target_schema = '${schema}' and s.table_name = '${table}') c`,
      )
      .join(" union all ");
  }

  /** Takes the canonical chain into the model: after each change of it. */
  remember(): void {
    this.#known.remember(this.#chain, this.#rowsPerBlock);
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
    for (const { table, block, blocks: text } of rows) {
      const sight = `${block}: ${text}`;
      if (this.#lastSeen.get(table) === sight) continue;
      this.#lastSeen.set(table, sight);
      const blocks: Sight["blocks"] = JSON.parse(text);
      const found = [
        ...this.#known.faultsOf({ table, blocks }),
        ...this.#checkpointFaults(block, blocks),
        ...this.#losses(table, blocks),
      ];
      this.faults.push(...found.map((fault) => `${table} at ${block}: ${fault}`));
      this.faults.splice(10);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#polling.catch(() => {}); // Its database may be gone.
  }

  /** Each block has rows here, so the highest of them is the checkpoint. */
  #checkpointFaults(checkpoint: string | null, blocks: Sight["blocks"]): readonly string[] {
    const last = blocks.at(-1);
    const tip = last === undefined ? null : `${last.number} ${last.hash}`;
    return tip === checkpoint ? [] : [`the last block is ${tip}`];
  }

  /** What was replaced never comes back, so what is canonical after the look was so since the look before. */
  #losses(table: EvmTable, blocks: Sight["blocks"]): readonly string[] {
    const held = new Set(blocks.map(({ hash }) => hash));
    const before = this.#held.get(table) ?? [];
    this.#held.set(table, blocks);
    const [first, ...more] = before.filter(
      ({ number, hash }) => !held.has(hash) && this.#chain.canonical(BigInt(number))?.hash === hash,
    );
    return first === undefined
      ? []
      : [`${1 + more.length} canonical blocks from ${first.number} on are gone`];
  }
}
