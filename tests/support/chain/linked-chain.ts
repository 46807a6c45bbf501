import {
  type Connection,
  hashOf,
  registerDataset,
  SqlStream,
  type StreamOptions,
  watermark,
} from "../postgres/sql-stream.ts";

const ZERO_HASH = `0x${"0".repeat(64)}`;
const HASH = { type: "bytea", not_null: true };

/** Rows of a block in each table. */
const PER_BLOCK = { blocks: 1, logs: 3 } as const;
type Table = keyof typeof PER_BLOCK;

const COLUMNS = {
  blocks: [
    { name: "hash", ...HASH },
    { name: "parent_hash", ...HASH },
  ],
  logs: [
    { name: "block_hash", ...HASH },
    { name: "log_index", type: "bigint", not_null: true },
  ],
};

export interface LoadOptions {
  readonly fork?: string;
  /** Fork of the block before. */
  readonly parentFork?: string;
  /** Blocks of one microbatch. */
  readonly step?: number;
}

/** Two tables of one dataset, of blocks that know their parents and of logs, loaded by SQL alone. */
export class LinkedChain {
  readonly blocks: SqlStream;
  readonly logs: SqlStream;
  readonly #db: Connection;

  private constructor(db: Connection, blocks: SqlStream, logs: SqlStream) {
    this.#db = db;
    this.blocks = blocks;
    this.logs = logs;
  }

  static async prepare(
    db: Connection,
    identity: StreamOptions["identity"] = "content",
  ): Promise<LinkedChain> {
    await registerDataset(db, "chain", Object.keys(PER_BLOCK), identity);
    const { rows } = await db.query(
      "select s.stream_id, s.target, s.table_name from ampsync.streams s order by s.table_name",
    );
    const [blocks, logs] = rows.map((row) => new SqlStream(db, row.stream_id, row.target, true, "0"));
    const chain = new LinkedChain(db, blocks!, logs!);
    await blocks!.acquire();
    await blocks!.prepareTarget(COLUMNS.blocks);
    await logs!.acquire();
    await logs!.prepareTarget(COLUMNS.logs);
    return chain;
  }

  /** Loaded once for all tests of a file, each of which takes it `again`: what they do to it is rolled back. */
  static async loaded(
    db: Connection,
    start: number,
    end: number,
    options: LoadOptions,
  ): Promise<LinkedChain> {
    await db.query("begin");
    const chain = await LinkedChain.prepare(db);
    await chain.load(start, end, options);
    await db.query("commit");
    return chain;
  }

  /** The same chain, whose leases were just renewed. */
  async again(): Promise<LinkedChain> {
    await this.#db.query(
      "update ampsync_private.lease set lease_until = ampsync_private.now() + ampsync_private.lease_duration()",
    );
    return new LinkedChain(this.#db, this.blocks.through(this.#db), this.logs.through(this.#db));
  }

  /** Both tables, from block `start` to `end`. */
  async load(start: number, end: number, options: LoadOptions = {}): Promise<void> {
    for (const table of ["blocks", "logs"] as const) {
      const { step = end - start + 1, fork, parentFork = fork } = options;
      for (let first = start; first <= end; first += step) {
        const last = Math.min(end, first + step - 1);
        await this[table].beginApply();
        await this.#append(table, first, last, fork, first === start ? parentFork : fork);
      }
    }
  }

  /** Both tables: what stands from `start` on is replaced. */
  async reorg(start: number, end: number, fork: string, parentFork: string): Promise<void> {
    for (const table of ["blocks", "logs"] as const) {
      await this[table].beginApply({ from: start, parentHash: hashOf(start - 1, parentFork) });
      await this.#append(table, start, end, fork, parentFork);
    }
  }

  /** The rows of a table, as a load leaves them. */
  async insert(table: Table, start: number, end: number, fork = "a", parentFork = fork): Promise<void> {
    const columns = COLUMNS[table].map(({ name }) => name);
    const values = table === "blocks" ? "b.hash, b.parent_hash" : "b.hash, i";
    const txId = this[table].takeTxId();
    const [key, keys] =
      txId === null
        ? ["_id", "ampsync_private.block_prefix(b.n) || substr(sha256(b.hash || int8send(i)), 1, 10)"]
        : ["_tx_id, _row_index", `${txId}, row_number() over (order by b.n, i) - 1`];
    await this.#db.query(
      `insert into ${this[table].target} (${key}, _block_num_start, _block_num_end, _block_num, ${columns.join(", ")})
       select ${keys}, b.n, b.n, b.n, ${values}
         from (select n, decode(to_hex(ascii($3)) || lpad(to_hex(n), 62, '0'), 'hex') as hash,
                      case n when 0 then $5::bytea
                             else decode(to_hex(ascii(case n when $1 then $4 else $3 end)) || lpad(to_hex(n - 1), 62, '0'), 'hex') end as parent_hash
                 from generate_series($1::bigint, $2::bigint) n) b
        cross join generate_series(1, ${PER_BLOCK[table]}) i`,
      [start, end, fork, parentFork, bytes(ZERO_HASH)],
    );
  }

  async #append(table: Table, start: number, end: number, fork = "a", parentFork = fork): Promise<void> {
    await this.insert(table, start, end, fork, parentFork);
    const rows = (end - start + 1) * PER_BLOCK[table];
    await this[table].commitApply([watermark(start, end, { fork, parentFork })], rows);
  }
}

/** What ampsync.verify finds, one line a finding. */
export async function findings(
  db: Connection,
  table: string | null = null,
  dataset = "chain",
): Promise<string[]> {
  const { rows } = await db.query("select * from ampsync.verify($1, $2)", [dataset, table]);
  return rows.map((row) => `${row.table_name}: ${row.finding} ${row.first_block}-${row.last_block}`);
}

function bytes(hash: string): Buffer {
  return Buffer.from(hash.slice(2), "hex");
}
