import type { Frame } from "../wire/from-gateway.ts";
import { forget } from "./compare.ts";
import type { Transaction } from "./database.ts";
import * as statements from "./statements.ts";
import type { Tables } from "./tables.ts";

/**
 * Tables that subscriptions leave in a frame: their shape is of another table from there on, or of one with another name, or
 * they have ended. What nobody else has rows in is emptied with that frame; the table stays, for the queries that name it.
 */
export class Left {
  readonly #tables: readonly string[];

  private constructor(tables: readonly string[]) {
    this.#tables = tables;
  }

  /** Called before the frame says what subscriptions hold from then on. */
  static async begin(tx: Transaction, { live, gone, emptied }: Frame): Promise<Left> {
    const ids = [...live.map(({ id }) => id), ...gone, ...emptied];
    if (ids.length === 0) return new Left([]);
    const { rows } = await tx.query<{ name: string }>(
      "select distinct holds as name from ampsync.shape where id = any ($1::text[]) and holds is not null",
      [ids],
    );
    return new Left(rows.map(({ name }) => name));
  }

  /** Called after that. Returns the tables that are empty now. */
  async empty(tx: Transaction, tables: Tables): Promise<readonly string[]> {
    if (this.#tables.length === 0) return [];
    const { rows } = await tx.query<{ name: string }>(
      `select t.name from unnest($1::text[]) t(name)
        where not exists (select from ampsync.shape s where s.holds = t.name)`,
      [this.#tables],
    );
    for (const { name } of rows) {
      const table = tables.get(name);
      if (table !== null) await statements.run(tx, statements.clear(table, null));
      await forget(tx, name);
      await tx.query("delete from ampsync.dataset where table_name = $1", [name]);
    }
    return rows.map(({ name }) => name);
  }
}
