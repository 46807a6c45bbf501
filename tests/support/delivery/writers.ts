import { setTimeout as pause } from "node:timers/promises";

import type pg from "pg";

import { type Dice, dice } from "../dice.ts";
import type { TestDatabase } from "../postgres/database.ts";

interface WritersOptions {
  readonly writers?: number;
  readonly seed?: number;
  /** Between two transactions of a writer, at most. */
  readonly pauseMs?: number;
  /** Keys of `items` that they write. */
  readonly items?: number;
}

const KEYS = 200;

/**
 * Writers of the tables of `startLand` that go on until they are told to stop, also over a server that crashes: inserts,
 * updates, deletes, changed keys and owners, savepoints, transactions that are rolled back.
 */
export class Writers implements AsyncDisposable {
  /** Transactions that were committed. */
  committed = 0;
  #isOver = false;
  readonly #all: readonly Promise<void>[];

  constructor(
    db: Pick<TestDatabase, "client">,
    { writers = 4, seed = 1, pauseMs = 20, items = KEYS }: WritersOptions = {},
  ) {
    this.#all = Array.from({ length: writers }, (_, n) =>
      this.#write(db, n, dice(seed * 100 + n), pauseMs, items),
    );
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#all);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #write(
    db: Pick<TestDatabase, "client">,
    writer: number,
    throws: Dice,
    pauseMs: number,
    items: number,
  ): Promise<void> {
    let client: pg.Client | null = null;
    while (!this.#isOver) {
      const statements = Array.from({ length: throws(1, 4) }, () => statementOf(throws, writer, items));
      const end = throws(0, 9) === 0 ? "rollback" : "commit";
      const ms = throws(0, pauseMs);
      try {
        if (client === null) {
          client = await db.client();
          await client.query("set synchronous_commit = local");
        }
        await client.query(["begin", ...statements, end].join(";"));
        if (end === "commit") this.committed++;
      } catch (error) {
        // A server that went away comes again; what it refuses is a mistake of this test.
        if (/^(?!57|08)[0-9A-Z]{5}$/.test(String((error as { code?: string }).code))) throw error;
        client = null;
      }
      await pause(ms);
    }
  }
}

/** Writers share tables, not rows: none waits for another one. */
function statementOf(throws: Dice, writer: number, items: number): string {
  const id = () => writer * 1_000_000 + throws(1, KEYS);
  const item = () => throws(1, Math.ceil(items / 8)) * 8 + writer;
  const owner = () => `w${throws(0, 7)}`;
  switch (throws(0, 9)) {
    case 0:
    case 1:
      return `insert into todos values (${id()}, '${owner()}', 't${throws(0, 999)}', ${throws(0, 999)}.50)
              on conflict (id) do update set title = excluded.title, amount = todos.amount + 1`;
    case 2:
      return `update todos set owner = '${owner()}' where id = ${id()}`;
    case 3:
      return `delete from todos where id = ${id()}`;
    case 4: {
      const other = id();
      return `update todos set id = ${other} where id = ${id()} and not exists (select from todos where id = ${other})`;
    }
    case 5:
      return `savepoint s; update todos set title = 'never' where id = ${id()}; rollback to s`;
    case 6:
      return `savepoint s; update todos set title = null where id between ${id()} and ${id()}; release s`;
    case 7:
      return `insert into items values (${item()}, '${owner()}', 'new') on conflict (id) do update set body = 'again'`;
    case 8:
      return `update items set body = body || '.' where id = ${item()}`;
    default:
      return `delete from items where id = ${item()}`;
  }
}
