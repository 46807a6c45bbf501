import type { Connection } from "./sql-stream.ts";

interface Table {
  readonly target: string;
  /** The block of its row t, as an expression. */
  readonly block: string;
}

/** By block: how many rows there are, and a sum of their hashes. */
type Blocks = Map<number, string>;

/** A row t without columns that are null, so that adding one changes none. */
const WITHOUT_NULLS = "jsonb_strip_nulls(to_jsonb(t))::text";

/**
 * Who follows the log of changes with copies of the published tables of datasets: it reads again what an entry names,
 * and nothing else. So a changed row outside of all ranges shows as a difference.
 */
export class LogFollower {
  readonly #db: Connection;
  /** What is compared of a row t. */
  readonly #row: string;
  readonly #copies = new Map<number, Blocks>();
  #position = "0";
  #epoch: string | null = null;
  /** Kinds and operations of the entries that came last. */
  operations: string[] = [];

  /** Give it a connection of its own where others write: each step is a transaction with one snapshot. */
  constructor(db: Connection, { row = WITHOUT_NULLS }: { readonly row?: string } = {}) {
    this.#db = db;
    this.#row = row;
  }

  /** Reads on. Returns in which tables a copy differs from its table in the same snapshot, or columns from those noted. */
  async step(): Promise<readonly string[]> {
    const tables = await this.#tables();
    const { rows } = await this.#db.query(
      `select position, epoch_id, kind, operation, data, details, p.published_id
         from ampsync.read_changes($1, $2, 1000000, 1::bigint << 40) c
         left join ampsync_private.published p on c.table_name = format('%I.%I', p.schema_name, p.table_name)
                                              and p.state = 'live'
        order by position`,
      [this.#position, this.#epoch],
    );
    this.operations = rows.map((row) => row.operation);
    const anew = new Set<number>();
    for (const { published_id: id, kind, data } of rows) {
      if (!tables.has(id)) continue;
      if (kind === "floor") anew.add(id);
      if (kind === "blocks") await this.#readAgain(id, tables.get(id)!, data.from_block, data.to_block);
    }
    for (const id of anew) {
      this.#copies.delete(id);
      await this.#readAgain(id, tables.get(id)!, 0, null);
    }
    this.#position = rows.at(-1)?.position ?? this.#position;
    this.#epoch = rows.at(-1)?.epoch_id ?? this.#epoch;
    const { rows: heads } = await this.#db.query("select ampsync.head() as head");
    return [
      ...(heads[0].head === this.#position ? [] : [`head ${heads[0].head} after position ${this.#position}`]),
      ...(await this.#differences(tables)),
    ];
  }

  /** The same in one snapshot. */
  async isolatedStep(): Promise<readonly string[]> {
    await this.#db.query("begin isolation level repeatable read");
    try {
      return await this.step();
    } finally {
      await this.#db.query("commit");
    }
  }

  async #tables(): Promise<Map<number, Table>> {
    const { rows } = await this.#db.query(
      `select p.published_id as id, s.target::text as target, ampsync_private.row_block(s.identity) as block
         from ampsync_private.published p
         join ampsync_private.stream s using (stream_id)
        where p.state = 'live' and s.target is not null`,
    );
    return new Map(rows.map(({ id, target, block }) => [id, { target, block }]));
  }

  async #readAgain(id: number, { target, block }: Table, first: number, last: number | null): Promise<void> {
    const copy: Blocks = this.#copies.get(id) ?? new Map();
    this.#copies.set(id, copy);
    for (const of of copy.keys()) {
      if (of >= first && (last === null || of <= last)) copy.delete(of);
    }
    const range = `${block} >= ${first}${last === null ? "" : ` and ${block} <= ${last}`}`;
    for (const [of, sum] of await this.#blocks(target, block, range)) copy.set(of, sum);
  }

  async #blocks(target: string, block: string, condition: string): Promise<Blocks> {
    const { rows } = await this.#db.query(
      `select (${block})::float8 as block, count(*) || ' ' || sum(hashtextextended(${this.#row}, 0)) as sum
         from ${target} t where ${condition} group by 1`,
    );
    return new Map(rows.map(({ block: of, sum }) => [of, sum]));
  }

  async #differences(tables: ReadonlyMap<number, Table>): Promise<string[]> {
    const found: string[] = [];
    for (const [id, { target, block }] of tables) {
      const copy: Blocks = this.#copies.get(id) ?? new Map();
      const now = await this.#blocks(target, block, "true");
      const other = [...new Set([...now.keys(), ...copy.keys()])].filter(
        (of) => now.get(of) !== copy.get(of),
      );
      if (other.length > 0) found.push(`blocks ${other} of ${target} are other than those of its copy`);
    }
    const { rows } = await this.#db.query(
      `select p.relation::text as target
         from ampsync_private.published p join ampsync_private.stream s using (stream_id)
        where p.state = 'live'
          and (p.relation, p.columns) is distinct from (s.target, ampsync_private.published_columns(s.target))`,
    );
    return [...found, ...rows.map(({ target }) => `the columns of ${target} are not those that are noted`)];
  }
}
