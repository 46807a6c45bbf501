import type pg from "pg";

import { EVM_TABLES, HASH_COLUMNS } from "../chain/evm-tables.ts";
import type { TestDatabase } from "../postgres/postgres.ts";
import type { KnownChain, Sight } from "./known-chain.ts";

/**
 * Reads all tables again and again from a connection of its own, remembers each sight that
 * differs from the one before, and judges them in the end: for sources that tell their chain late.
 */
export class Reader {
  readonly #client: pg.Client;
  readonly #schema: string;
  readonly #sights: Sight[] = [];
  readonly #lastSeen = new Map<string, string>();
  readonly #reading: Promise<void>;
  #isStopped = false;

  private constructor(client: pg.Client, schema: string) {
    this.#client = client;
    this.#schema = schema;
    this.#reading = this.#read();
    this.#reading.catch(() => {}); // Seen by whoever stops it.
  }

  /** The tables must be there. */
  static async start(db: TestDatabase, schema: string): Promise<Reader> {
    return new Reader(await db.client(), schema);
  }

  get sights(): number {
    return this.#sights.length;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#reading;
  }

  /**
   * What no reader may see, of all that was seen: sights that are not whole, and the loss of
   * blocks that are canonical in the end, up to block `head`.
   */
  faults(known: KnownChain, head: string): readonly string[] {
    const torn = this.#sights.flatMap((sight) =>
      known.faultsOf(sight).map((fault) => `${sight.table} up to ${sight.blocks.at(-1)?.number} ${fault}`),
    );
    const canonical = new Set(known.upTo(head).map(({ hash }) => hash));
    return [...torn, ...lossesOf(this.#sights, canonical)].slice(0, 10);
  }

  async #read(): Promise<void> {
    while (!this.#isStopped) {
      await this.#client.query("begin isolation level repeatable read read only");
      for (const table of EVM_TABLES) {
        const hash = HASH_COLUMNS[table];
        const { rows } = await this.#client.query(
          `select _block_num::text as number, '0x' || encode(${hash}, 'hex') as hash, count(*)::int as rows
             from "${this.#schema}"."${table}" group by _block_num, ${hash} order by _block_num`,
        );
        const sight = JSON.stringify(rows);
        if (this.#lastSeen.get(table) === sight) continue;
        this.#lastSeen.set(table, sight);
        this.#sights.push({ table, blocks: rows });
      }
      await this.#client.query("commit");
    }
  }
}

function lossesOf(sights: readonly Sight[], canonical: ReadonlySet<string>): readonly string[] {
  const before = new Map<string, Sight>();
  return sights.flatMap((sight) => {
    const held = new Set(sight.blocks.map(({ hash }) => hash));
    const lost = before.get(sight.table)?.blocks.filter(({ hash }) => canonical.has(hash) && !held.has(hash));
    before.set(sight.table, sight);
    return lost?.map(({ number, hash }) => `${sight.table} lost canonical block ${number} ${hash}`) ?? [];
  });
}
