import { setTimeout as pause } from "node:timers/promises";

import type { AmpServer, Sent } from "../chain/amp-server.ts";
import type { BenchTable } from "../chain/repeating-source.ts";
import type { Database } from "./lab.ts";

const LOOK_MS = 1;
const NS_PER_MS = 1e6;
const DEADLINE_MS = 120_000;
/** Moves in the transaction of the rows, and costs less to look at than the tables. */
const MOVED = `select s.table_name, s.checkpoint_block
  from unnest($1::text[], $2::bigint[]) known(table_name, block)
  join ampsync_private.stream s on s.table_name = known.table_name and s.checkpoint_block > known.block`;

/** Sees blocks become visible, as another connection sees them. */
export class Observer {
  readonly #database: Database;
  /** The last visible block of each table. */
  readonly #visible: Map<string, number>;
  /** When blocks of a table were seen first: up to which one, in nanoseconds. */
  readonly #seen = new Map<string, { readonly block: number; readonly at: bigint }[]>();

  constructor(database: Database, tables: readonly BenchTable[]) {
    this.#database = database;
    this.#visible = new Map(tables.map(({ name }) => [name, -1]));
    for (const { name } of tables) this.#seen.set(name, []);
  }

  /** Returns when all tables have this block; false after the deadline. */
  async untilAll(block: number, deadlineMs = DEADLINE_MS): Promise<boolean> {
    const deadline = performance.now() + deadlineMs;
    while (true) {
      const behind = [...this.#visible].filter(([, visible]) => visible < block);
      if (behind.length === 0) return true;
      if (performance.now() > deadline) return false;
      const rows = await this.#database.query(MOVED, [
        behind.map(([table]) => table),
        behind.map(([, visible]) => visible),
      ]);
      const at = process.hrtime.bigint(); // Visible before this moment.
      for (const { table_name, checkpoint_block } of rows) {
        this.#visible.set(table_name, Number(checkpoint_block));
        this.#seen.get(table_name)!.push({ block: Number(checkpoint_block), at });
      }
      await pause(LOOK_MS);
    }
  }

  /** Milliseconds from the sending of each microbatch that ends at or behind this block until it was visible. */
  latencies(sent: readonly Sent[], fromBlock: number): number[] {
    const found: number[] = [];
    const next = new Map([...this.#seen.keys()].map((table) => [table, 0]));
    for (const { table, block, at } of sent) {
      const seen = this.#seen.get(table)!;
      let index = next.get(table)!;
      while (index < seen.length && seen[index]!.block < block) index += 1;
      next.set(table, index);
      if (block >= fromBlock && index < seen.length) found.push(Number(seen[index]!.at - at) / NS_PER_MS);
    }
    return found;
  }
}

/** How long commits of one row take, without anything of ours: what the machine's disk is like right now. */
export class BareCommits {
  readonly ms: number[] = [];
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  static async start(database: Database): Promise<BareCommits> {
    await database.query("create table if not exists public.bare_commit (at timestamptz)");
    return new BareCommits(database);
  }

  async one(): Promise<void> {
    const start = performance.now();
    await this.#database.query("insert into public.bare_commit values (clock_timestamp())");
    this.ms.push(performance.now() - start);
  }
}

/** Mines at a steady rate until there are so many more blocks, whatever becomes of them, or the signal aborts. */
export async function mineSteadily(
  amp: AmpServer,
  blocks: number,
  perSecond: number,
  signal?: AbortSignal,
  onMined = () => {},
): Promise<void> {
  const start = performance.now();
  for (let i = 0; i < blocks && signal?.aborted !== true; i++) {
    const due = start + (i * 1000) / perSecond;
    const wait = due - performance.now();
    if (wait > 0) await pause(wait);
    await amp.mine();
    onMined();
  }
}
