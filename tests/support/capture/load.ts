import type pg from "pg";

import { type Dice, dice } from "../dice.ts";
import type { TestDatabase } from "../postgres/postgres.ts";

/** Tables of an application that writes without end. */
export const LOADED_TABLES = ["accounts", "items"];
const KEYS = 30;

export async function createLoadedTables(db: Pick<TestDatabase, "query">): Promise<void> {
  await db.query("create table accounts (id int primary key, name text, note text)");
  await db.query("create table items (id int, account int, value numeric, primary key (account, id))");
}

/** Writers that change rows at random, in transactions of a few statements, some of which are rolled back. */
export class Load implements AsyncDisposable {
  readonly #writers: readonly Promise<void>[];
  #isOver = false;
  #written = 0;

  private constructor(clients: readonly pg.Client[], throws: Dice, pauseMs: number) {
    this.#writers = clients.map((client, n) => this.#write(client, n, throws, pauseMs));
  }

  static async start(
    db: TestDatabase,
    { writers = 3, seed = 1, pauseMs = 2 }: { writers?: number; seed?: number; pauseMs?: number } = {},
  ): Promise<Load> {
    const clients = await Promise.all(Array.from({ length: writers }, () => db.client()));
    // What is not flushed is not decoded: without this the log were late by what the server lets pass.
    for (const client of clients) await client.query("set synchronous_commit = local");
    return new Load(clients, dice(seed), pauseMs);
  }

  /** Transactions that were committed so far. */
  get written(): number {
    return this.#written;
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#writers);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #write(client: pg.Client, writer: number, throws: Dice, pauseMs: number): Promise<void> {
    while (!this.#isOver) {
      const statements = Array.from({ length: throws(1, 4) }, () => statementOf(throws, writer));
      const end = throws(0, 9) === 0 ? "rollback" : "commit";
      await client.query(["begin", ...statements, end].join(";"));
      if (end === "commit") this.#written++;
      await new Promise((resolve) => setTimeout(resolve, throws(0, pauseMs)));
    }
  }
}

/** Writers share tables, not rows: none waits for another one. */
function statementOf(throws: Dice, writer: number): string {
  const id = writer * 1_000_000 + throws(1, KEYS);
  const other = writer * 1_000_000 + throws(1, KEYS);
  switch (throws(0, 6)) {
    case 0:
    case 1:
      return `insert into accounts values (${id}, 'a${throws(0, 999)}', repeat('x', ${throws(0, 300)}))
              on conflict (id) do update set name = excluded.name`;
    case 2:
      return `insert into items values (${throws(1, 5)}, ${id}, ${throws(0, 999)}.50)
              on conflict (account, id) do update set value = items.value + 1`;
    case 3:
      return `update items set value = value * 1.5 where account = ${id}`;
    case 4:
      return `delete from accounts where id = ${id}`;
    case 5:
      return `delete from items where account = ${id}`;
    default:
      return `update accounts set id = ${other} where id = ${id} and not exists (select from accounts where id = ${other})`;
  }
}
