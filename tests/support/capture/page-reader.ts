import type pg from "pg";

import { lsnOf } from "../../../src/model/lsn.ts";
import type { Dice } from "../dice.ts";
import type { Connection } from "../postgres/sql-stream.ts";

const MOST_ROWS = 20;

/** Of `read_changes`, as far as it is looked at. */
interface Row {
  readonly position: string;
  readonly epoch_id: string;
  readonly kind: string;
  readonly table_name: string;
  readonly operation: string;
  readonly lsn: string;
  readonly data: Readonly<Record<string, string>>;
}

/** Follows the log as any consumer does, in pages of random size, and looks for what breaks its order. */
export class PageReader {
  readonly #client: pg.Client;
  readonly #throws: Dice;
  readonly faults: string[] = [];
  pages = 0;
  #after = 0n;
  #epoch: string | null = null;
  #committed = 0n;
  /** Rows of each transaction, by position. */
  readonly #rows = new Map<bigint, number>();
  /** The highest block that an entry told of, by table of a dataset. */
  readonly #told = new Map<string, number>();

  constructor(client: pg.Client, throws: Dice) {
    this.#client = client;
    this.#throws = throws;
  }

  /** A page; false: there was nothing more. */
  async read(): Promise<boolean> {
    const { rows } = await this.#client.query("select * from ampsync.read_changes($1, $2, $3)", [
      String(this.#after),
      this.#epoch,
      this.#throws(1, MOST_ROWS),
    ]);
    this.pages++;
    const seenBefore = this.#after;
    for (const row of rows) this.#take(row, seenBefore);
    return rows.length > 0;
  }

  /** Entries that are in the log and never came, or not whole. */
  async missed(db: Connection): Promise<readonly string[]> {
    const { rows } = await db.query(
      "select t.position, t.kind, t.changes from ampsync_private.change_tx t order by t.position",
    );
    const wrong = rows.filter(({ position, kind, changes }) => {
      const came = this.#rows.get(BigInt(position)) ?? 0;
      return kind === "rows" ? came !== changes : came === 0;
    });
    return [
      ...wrong.map(({ position, kind }) => `${position} of kind ${kind} did not come, or not whole`),
      ...(rows.length === this.#rows.size ? [] : [`of ${rows.length} entries ${this.#rows.size} came`]),
    ];
  }

  #take(row: Row, seenBefore: bigint): void {
    const position = BigInt(row.position);
    const isNext = !this.#rows.has(position);
    if (position <= seenBefore) this.#fault(position, `comes behind ${seenBefore}, which was seen`);
    if (isNext && position < this.#after) this.#fault(position, `stands behind ${this.#after}`);
    if (this.#epoch !== null && row.epoch_id !== this.#epoch) this.#fault(position, "is of another epoch");
    this.#epoch = row.epoch_id;
    this.#after = position;
    this.#rows.set(position, (this.#rows.get(position) ?? 0) + 1);
    if (row.kind === "blocks") this.#tell(row.table_name, row.data);
    if (row.kind === "rows") this.#heed(position, row, isNext);
  }

  /** A range without an end is replaced up to its last row: a block has one. */
  #tell(table: string, { from_block: from, to_block: to, rows }: Row["data"]): void {
    const last = Number(to ?? Number(from) + Number(rows) - 1);
    this.#told.set(table, Math.max(last, this.#told.get(table) ?? -1));
  }

  #heed(position: bigint, row: Row, isNext: boolean): void {
    const lsn = lsnOf(row.lsn);
    if (isNext && lsn <= this.#committed) this.#fault(position, "committed before the one in front of it");
    this.#committed = lsn;
    if (row.operation !== "insert" || row.table_name !== "public.notes") return;
    const { saw, target, block } = row.data;
    if (BigInt(saw!) >= position) this.#fault(position, `was written by who had seen ${saw}`);
    const told = this.#told.get(target!) ?? -1;
    if (Number(block ?? -1) > told)
      this.#fault(position, `names block ${block} of ${target}, which ends at ${told}`);
  }

  #fault(position: bigint, what: string): void {
    this.faults.push(`position ${position} ${what}`);
  }
}
