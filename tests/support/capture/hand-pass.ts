import { linesOf, transactionsOf } from "../../../src/capture/call-arguments.ts";
import type { Message } from "../../../src/capture/pgoutput.ts";
import { lsnOf } from "../../../src/model/lsn.ts";
import type { Connection } from "../postgres/sql-stream.ts";
import { createSlot, readSlot, transactionsIn } from "./read-slot.ts";

/** A pass of capture, one read of the slot at a time: everything that was committed before is in the log then. */
export class HandPass {
  readonly #db: Connection;
  readonly #generation: string;
  #commitLsn: string | null;

  private constructor(db: Connection, generation: string, commitLsn: string | null) {
    this.#db = db;
    this.#generation = generation;
    this.#commitLsn = commitLsn;
  }

  static async begin(db: Connection): Promise<HandPass> {
    await createSlot(db);
    await db.query("select ampsync_private.ensure_capture()");
    const { rows } = await db.query("select ampsync_worker.take_capture('by hand') as taken");
    return new HandPass(db, rows[0].taken.generation, rows[0].taken.commit_lsn);
  }

  /** Publishes a table as `ampsync.publish` does, but for its checks and locks. */
  async publish(table: string, identity: "full" | "key" = "full"): Promise<number> {
    if (identity === "full") {
      await this.#db.query(
        `do $$ declare v_leaf regclass; begin
           for v_leaf in select t.relation from ampsync_private.table_tree('${table}') t loop
             execute format('alter table %s replica identity full', v_leaf);
           end loop;
         end $$`,
      );
    }
    await this.#db.query(`alter publication ampsync add table only ${table}`);
    await this.#db.query("select ampsync_private.store_published($1, $2, '{}')", [table, identity]);
    const { rows } = await this.#db.query(
      "select p.published_id from ampsync_private.published p where p.relation = $1::regclass",
      [table],
    );
    return rows[0].published_id;
  }

  /** Looks at all tables now. */
  async look(): Promise<number> {
    await this.#db.query("update ampsync_private.published set looked_at = null where looked_at is not null");
    const { rows } = await this.#db.query("select ampsync_worker.look_at_tables() as sent");
    return rows[0].sent;
  }

  /** Brings what the slot has into the log; what was decoded for other columns is decoded again. */
  async drain(): Promise<void> {
    const messages = await readSlot(this.#db);
    while (await this.#store(messages));
  }

  /** The same, until no look finds anything more. */
  async settle(): Promise<void> {
    for (let n = 0; n < 6; n++) {
      await this.drain();
      await this.look();
      const { rows } = await this.#db.query(
        "select p.table_name from ampsync_private.published p where p.seen ->> 'token' is not null",
      );
      if (rows.length === 0) return;
    }
    throw new Error("a look finds something again and again");
  }

  async #store(messages: readonly Message[]): Promise<boolean> {
    const { rows: told } = await this.#db.query("select ampsync_worker.captured_tables() as tables");
    const transactions = transactionsIn(messages, told[0].tables).filter(
      ({ commitLsn }) => this.#commitLsn === null || commitLsn > lsnOf(this.#commitLsn),
    );
    if (transactions.length === 0) return false;
    const { rows } = await this.#db.query("select ampsync_worker.commit_capture($1, $2, $3, $4) as answer", [
      this.#generation,
      this.#commitLsn,
      transactionsOf(transactions),
      linesOf(transactions),
    ]);
    this.#commitLsn = rows[0].answer.commit_lsn;
    return rows[0].answer.reread;
  }
}
