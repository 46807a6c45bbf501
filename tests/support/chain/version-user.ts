import type pg from "pg";

import type { Dice } from "../dice.ts";
import type { TestDatabase } from "../postgres/database.ts";

/** What a user may be told: not in this state, busy, or broken off by the test. */
const ANSWERS = ["SY004", "55P03", "57P01"];

export const ROLLBACK = "select ampsync.rollback_version($1)";

/** Somebody in psql, whose backend may end at any time. */
export class VersionUser implements AsyncDisposable {
  readonly #db: TestDatabase;
  readonly #label: string;
  readonly #roll: Dice;
  readonly #note: (what: string) => void;
  #client: pg.Client | null = null;

  constructor(db: TestDatabase, label: string, roll: Dice, note: (what: string) => void) {
    this.#db = db;
    this.#label = label;
    this.#roll = roll;
    this.#note = note;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client?.end().catch(() => {}); // It may be gone.
  }

  /** What a user may say at any time. */
  async order(): Promise<void> {
    const { rows } = await this.#db.query("select s.table_name from ampsync.streams s order by 1");
    const table = rows[this.#roll(0, Math.max(0, rows.length - 1))]?.["table_name"];
    const orders = [
      ["select ampsync.resync($1)"],
      ["select ampsync.resync($1)"],
      ["select ampsync.resync($1, $2)", table],
      [ROLLBACK],
      ["select ampsync.cancel_resync($1)"],
      ["select ampsync.pause_sync($1)"],
      ["select ampsync.resume_sync($1)"],
      ["select ampsync.alter_sync($1, on_new_version => $2)", "continue"],
      ["select ampsync.alter_sync($1, on_new_version => $2)", "resync"],
    ];
    const canRollBack = (await this.canRollBack()) && this.#roll(0, 1) === 0;
    const [query, ...options] = canRollBack ? [ROLLBACK] : orders[this.#roll(0, orders.length - 1)]!;
    await this.say(query!, ...options);
  }

  async canRollBack(): Promise<boolean> {
    const { rows } = await this.#db.query(
      "select exists (select from ampsync_private.former f where f.kept = 'kept') as can",
    );
    return rows[0]!["can"];
  }

  /** Calls a function for the dataset, which is its first argument. */
  async say(query: string, ...options: readonly unknown[]): Promise<void> {
    const said = `${/[.](\w+)\(/.exec(query)?.[1]} ${options.join(" ")}`.trim();
    try {
      this.#client ??= await this.#db.client();
      await this.#client.query(query, [this.#label, ...options]);
      this.#note(said);
    } catch (error) {
      const code = (error as pg.DatabaseError).code ?? "";
      this.#note(`${said} -> ${code}`);
      if (code === "57P01" || code === "") this.#client = null; // Its connection is gone.
      if (!ANSWERS.includes(code) && code !== "") throw error;
    }
  }
}
