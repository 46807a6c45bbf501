import type pg from "pg";

import type { TestDatabase } from "../postgres/postgres.ts";

/** A block that was canonical at some time, from its source's own mouth. */
export interface KnownBlock {
  readonly number: bigint;
  readonly hash: string;
  readonly parentHash: string;
  /** How many rows it adds to each table. */
  readonly rows: Readonly<Record<string, number>>;
}

/** What one statement saw of one table: the number, hash and count of rows of each block. */
interface Snapshot {
  readonly table: string;
  readonly blocks: readonly { readonly number: string; readonly hash: string; readonly rows: number }[];
}

/** In which column each table holds the hash of its block. */
const HASH_COLUMNS: Readonly<Record<string, string>> = {
  blocks: "hash",
  logs: "block_hash",
  transactions: "block_hash",
};

/** Reads all tables again and again from a connection of its own, and remembers each sight that differs from the one before. */
export class Reader {
  readonly #client: pg.Client;
  readonly #schema: string;
  readonly #sights: Snapshot[] = [];
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
   * What no reader may see, of all that was seen. A sight is whole if its rows are
   * exactly those of one chain, from its first block to the highest one seen; and
   * what is canonical in the end, up to block `head`, does not go once it was there.
   */
  faults(known: ReadonlyMap<string, KnownBlock>, head: string): readonly string[] {
    const torn = this.#sights.flatMap((sight) => faultsOf(sight, known));
    const canonical = new Set(chainTo(head, known).map(({ hash }) => hash));
    return [...torn, ...lossesOf(this.#sights, canonical)].slice(0, 10);
  }

  async #read(): Promise<void> {
    while (!this.#isStopped) {
      await this.#client.query("begin isolation level repeatable read read only");
      for (const [table, hash] of Object.entries(HASH_COLUMNS)) {
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

function faultsOf({ table, blocks }: Snapshot, known: ReadonlyMap<string, KnownBlock>): readonly string[] {
  const expected = new Set(
    chainTo(blocks.at(-1)?.hash ?? "", known)
      .filter(({ rows }) => (rows[table] ?? 0) > 0)
      .map(({ number, hash, rows }) => `block ${number} ${hash}: ${rows[table]} rows`),
  );
  const seen = new Set(blocks.map(({ number, hash, rows }) => `block ${number} ${hash}: ${rows} rows`));
  const tip = blocks.at(-1)?.number;
  return [
    ...[...seen].filter((line) => !expected.has(line)).map((line) => `${table} up to ${tip} had ${line}`),
    ...[...expected].filter((line) => !seen.has(line)).map((line) => `${table} up to ${tip} lacked ${line}`),
  ];
}

function lossesOf(sights: readonly Snapshot[], canonical: ReadonlySet<string>): readonly string[] {
  const before = new Map<string, Snapshot>();
  return sights.flatMap((sight) => {
    const held = new Set(sight.blocks.map(({ hash }) => hash));
    const lost = before.get(sight.table)?.blocks.filter(({ hash }) => canonical.has(hash) && !held.has(hash));
    before.set(sight.table, sight);
    return lost?.map(({ number, hash }) => `${sight.table} lost canonical block ${number} ${hash}`) ?? [];
  });
}

/** The block of that hash and all below it. */
function chainTo(hash: string, known: ReadonlyMap<string, KnownBlock>): readonly KnownBlock[] {
  const chain: KnownBlock[] = [];
  for (let block = known.get(hash); block !== undefined; block = known.get(block.parentHash)) {
    chain.push(block);
  }
  return chain;
}
