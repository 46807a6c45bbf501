import type pg from "pg";

/** What runs statements: a test database, or one connection of it. */
export interface Connection {
  query(text: string, params?: unknown[]): Promise<pg.QueryResult>;
}

export interface TargetColumn {
  readonly name: string;
  readonly type: string;
  readonly not_null: boolean;
}

export interface StreamOptions {
  readonly dataset?: string;
  readonly table?: string;
  /** Whether the server offers `_block_num`. */
  readonly hasBlockNum?: boolean;
  readonly columns?: readonly TargetColumn[];
  readonly identity?: "content" | "transaction";
  readonly worker?: string;
}

export interface RangeOptions {
  /** One letter that names the fork: blocks of one height and fork have one hash. */
  readonly fork?: string;
  /** Fork of the block before the range, if it is another one. */
  readonly parentFork?: string;
}

export interface Removal {
  /** Null: everything. */
  readonly from: number | null;
  readonly parentHash: string | null;
}

export interface CommitOptions {
  /** The checkpoint the writer went on from; by default the stored one. */
  readonly expected?: number | null;
  readonly network?: string;
  /** By default the current epoch of this object. */
  readonly epoch?: string;
}

export const COLUMNS: readonly TargetColumn[] = [
  { name: "block_hash", type: "bytea", not_null: true },
  { name: "note", type: "text", not_null: false },
];

const ZERO_HASH = `0x${"0".repeat(64)}`;

/** The hash of a block of one fork, as the wire writes it. */
export function hashOf(block: number, fork = "a"): string {
  return `0x${fork.charCodeAt(0).toString(16)}${block.toString(16).padStart(62, "0")}`;
}

/** A finished watermark as commit_apply reads it. */
export function watermark(start: number, end: number, { fork = "a", parentFork = fork }: RangeOptions = {}) {
  return {
    start: `${start}`,
    end: `${end}`,
    hash: hashOf(end, fork),
    prev_hash: start === 0 ? ZERO_HASH : hashOf(start - 1, parentFork),
  };
}

/** Enqueue a dataset and store what it resolved to. Returns its id. */
export async function registerDataset(
  db: Connection,
  reference: string,
  tables: readonly string[],
  identity: StreamOptions["identity"] | null = null,
): Promise<string> {
  await db.query("select ampsync.enqueue_sync($1, identity => $2)", [reference, identity]);
  const { rows } = await db.query(
    `select d.dataset_id from ampsync_private.dataset d
      where d.label = $1`,
    [reference],
  );
  const id: string = rows[0].dataset_id;
  await db.query("select ampsync_worker.register_streams($1, '1.0.0', null, $2)", [id, tables]);
  return id;
}

/** One stream, moved by hand through the calls that a worker makes. */
export class SqlStream {
  readonly id: string;
  readonly target: string;
  readonly hasBlockNum: boolean;
  epoch: string;
  readonly #db: Connection;
  /** With identity `transaction`, the `_tx_id` of the next rows. */
  #nextTxId: bigint | null = null;

  constructor(db: Connection, id: string, target: string, hasBlockNum: boolean, epoch: string) {
    this.#db = db;
    this.id = id;
    this.target = target;
    this.hasBlockNum = hasBlockNum;
    this.epoch = epoch;
  }

  /** Registered, without lease and target. */
  static async register(db: Connection, options: StreamOptions = {}): Promise<SqlStream> {
    const { dataset = "chain", table = "blocks", hasBlockNum = true, identity } = options;
    await registerDataset(db, dataset, [table], identity);
    const { rows } = await db.query(
      "select s.stream_id, s.target from ampsync.streams s where s.dataset = $1 and s.table_name = $2",
      [dataset, table],
    );
    return new SqlStream(db, rows[0].stream_id, rows[0].target, hasBlockNum, "0");
  }

  /** With a lease and an empty target. */
  static async prepare(db: Connection, options: StreamOptions = {}): Promise<SqlStream> {
    const stream = await SqlStream.register(db, options);
    await stream.acquire(options.worker);
    await stream.prepareTarget(options.columns);
    return stream;
  }

  /** The same stream and epoch through another connection. */
  through(db: Connection): SqlStream {
    const stream = new SqlStream(db, this.id, this.target, this.hasBlockNum, this.epoch);
    stream.#nextTxId = this.#nextTxId;
    return stream;
  }

  /** The row of acquire_lease, and from now on its epoch; undefined where the lease is held. */
  async acquire(worker = "worker-1") {
    const { rows } = await this.#db.query("select * from ampsync_worker.acquire_lease($1, $2)", [
      this.id,
      worker,
    ]);
    this.epoch = rows[0]?.epoch ?? this.epoch;
    this.#nextTxId = rows[0]?.first_tx_id == null ? null : BigInt(rows[0].first_tx_id);
    return rows[0];
  }

  /** The order in which the columns are stored; null while others use a table that has to be changed. */
  async prepareTarget(
    columns: readonly TargetColumn[] = COLUMNS,
    hasBlockNum = this.hasBlockNum,
    attempt = 1,
  ): Promise<string[] | null> {
    const { rows } = await this.#db.query(
      "select ampsync_worker.prepare_target($1, $2, $3, $4, $5) as columns",
      [this.id, this.epoch, hasBlockNum, JSON.stringify(columns), attempt],
    );
    return rows[0].columns;
  }

  async beginApply(removal?: Removal): Promise<void> {
    await this.#db.query("call ampsync_worker.begin_apply($1, $2, $3, $4, $5)", [
      this.id,
      this.epoch,
      removal !== undefined,
      removal?.from ?? null,
      removal?.parentHash == null ? null : Buffer.from(removal.parentHash.slice(2), "hex"),
    ]);
  }

  /** The `_tx_id` of a microbatch that begins; null with identity `content`. */
  takeTxId(): bigint | null {
    return this.#nextTxId === null ? null : this.#nextTxId++;
  }

  /** One row a block, which carries the hash of its block. */
  async insert(start: number, end: number, fork = "a"): Promise<void> {
    const [columns, values] = this.hasBlockNum
      ? ["_block_num_start, _block_num_end, _block_num", "b.n, b.n, b.n"]
      : ["_block_num_start, _block_num_end", `${start}, ${end}`];
    const id = `ampsync_private.block_prefix(${this.hasBlockNum ? "b.n" : end}) || substr(sha256(b.hash), 1, 10)`;
    const txId = this.takeTxId();
    const [key, keys] =
      txId === null ? ["_id", id] : ["_tx_id, _row_index", `${txId}, row_number() over (order by b.n) - 1`];
    await this.#db.query(
      `insert into ${this.target} (${key}, ${columns}, block_hash)
       select ${keys}, ${values}, b.hash
         from (select g.n, decode($3 || lpad(to_hex(g.n), 62, '0'), 'hex') as hash
                 from generate_series($1::bigint, $2::bigint) g(n)) b`,
      [start, end, fork.charCodeAt(0).toString(16)],
    );
  }

  async commitApply(
    watermarks: readonly object[],
    rows: number,
    { expected, network = "mainnet", epoch = this.epoch }: CommitOptions = {},
  ): Promise<void> {
    const from = expected === undefined ? (await this.view()).block : expected;
    await this.#db.query("call ampsync_worker.commit_apply($1, $2, $3, $4, $5, $6)", [
      this.id,
      epoch,
      from,
      network,
      JSON.stringify(watermarks),
      rows,
    ]);
  }

  /** A writing transaction without its BEGIN and COMMIT: one microbatch with one row a block. */
  async apply(start: number, end: number, options: RangeOptions & CommitOptions = {}): Promise<void> {
    await this.beginApply();
    await this.insert(start, end, options.fork);
    await this.commitApply([watermark(start, end, options)], end - start + 1, options);
  }

  /** The same, with rows of the blocks from `first` on only. */
  async applyRowsOf(start: number, end: number, first: number, options: CommitOptions = {}): Promise<void> {
    await this.beginApply();
    const from = Math.max(start, first);
    if (from <= end) {
      await this.insert(from, end);
    }
    await this.commitApply([watermark(start, end)], Math.max(end - from + 1, 0), options);
  }

  /** The same, replacing all blocks from `start` on. */
  async replace(start: number, end: number, options: RangeOptions & CommitOptions): Promise<void> {
    const { parentFork = "a" } = options;
    await this.beginApply({ from: start, parentHash: hashOf(start - 1, parentFork) });
    await this.insert(start, end, options.fork);
    await this.commitApply([watermark(start, end, { ...options, parentFork })], end - start + 1, options);
  }

  /** A committed microbatch. */
  async commit(start: number, end: number, options: RangeOptions & CommitOptions = {}): Promise<void> {
    await this.#db.query("begin");
    try {
      await this.apply(start, end, options);
    } catch (error) {
      await this.#db.query("rollback");
      throw error;
    }
    await this.#db.query("commit");
  }

  /** Ends a pass with an error of the given SQLSTATE. */
  async endPass(outcome: string, code = "SY104", epoch: string | null = this.epoch): Promise<void> {
    const error = { code, message: "it broke", detail: "while testing", hint: "select 1;" };
    await this.#db.query("select ampsync_worker.end_pass($1, $2, $3, $4)", [this.id, epoch, outcome, error]);
  }

  /** Its row of ampsync.streams. */
  async view() {
    const { rows } = await this.#db.query("select * from ampsync.streams s where s.stream_id = $1", [
      this.id,
    ]);
    return rows[0];
  }

  /** Watermarks held, oldest first, as `start-end`. */
  async history(): Promise<string[]> {
    const { rows } = await this.#db.query(
      `select h.first_block || '-' || h.last_block as range from ampsync_private.history h
        where h.stream_id = $1 order by h.last_block`,
      [this.id],
    );
    return rows.map((row) => row.range);
  }

  /** What a reader sees, one word a row: the letter of the fork and the height. */
  async rows(): Promise<string> {
    const { rows } = await this.#db.query(
      `select coalesce(string_agg(chr(get_byte(t.block_hash, 0))
                || ('x' || encode(substr(t.block_hash, 25), 'hex'))::bit(64)::bigint, ' '
                order by substr(t.block_hash, 2)), '') as rows
         from ${this.target} t`,
    );
    return rows[0].rows;
  }
}

/** The jobs of ampsync with their keys, as seconds until each is due. */
export async function waitingJobs(db: Connection, keyLike = "%") {
  const { rows } = await db.query(
    `select j.key, extract(epoch from j.run_at - ampsync_private.now())::float8 as due_in_s
       from graphile_worker.jobs j
      where j.task_identifier like 'ampsync\\_%' and j.key like $1
      order by j.key`,
    [keyLike],
  );
  return rows;
}
