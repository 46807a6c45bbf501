import { expect } from "vitest";

import type { Block, Source } from "../../../src/devserver/source.ts";
import { expectSourceRows } from "../chain/source-rows.ts";
import { fingerprints, streamsAt } from "../postgres/tables.ts";
import { STALL_DEADLINE_MS } from "../wait-for.ts";
import { freshLoad } from "./fresh-load.ts";
import { registerStreams } from "./pass-driver.ts";
import type { Scenario } from "./scenario.ts";

/** A stream as `ampsync.streams` shows it, with its lease. */
export interface StreamRow {
  readonly state: string;
  /** -1 before the first commit. */
  readonly block: number;
  readonly rows: number;
  readonly code: string | null;
  readonly reason: string | null;
  readonly detail: string | null;
  readonly hint: string | null;
  readonly attempts: number;
  /** Seconds until it is retried. */
  readonly retryIn: number | null;
  readonly epoch: number;
  readonly holder: string | null;
  readonly isLeased: boolean;
}

interface Synced {
  /** As SQL functions take it. */
  readonly dataset: string;
  readonly schema: string;
  readonly source: Source;
  readonly tables: readonly string[];
}

interface ArrivalOptions {
  /** By default the head of the source. */
  readonly head?: Pick<Block, "number" | "hash">;
  /** How many of the tables; by default all. */
  readonly tables?: number;
  readonly deadlineMs?: number;
}

/** Tables of one source, synced into one schema. */
export class Sync implements Synced {
  readonly dataset: string;
  readonly schema: string;
  readonly source: Source;
  readonly tables: readonly string[];
  readonly #scenario: Scenario;

  constructor(scenario: Scenario, { dataset, schema, source, tables }: Synced) {
    this.#scenario = scenario;
    this.dataset = dataset;
    this.schema = schema;
    this.source = source;
    this.tables = tables;
  }

  /** The dataset as views show it. */
  get label(): string {
    return this.dataset.replace(/^_\//, "");
  }

  get version(): string {
    return this.dataset.split("@")[1] ?? "0.0.0";
  }

  /** Registers its streams without a worker, for passes that a test drives itself; resolves to their ids. */
  async register(): Promise<readonly string[]> {
    return await registerStreams(this.#scenario.db, this.schema);
  }

  /** Null before the stream is registered. */
  async stream(table = this.tables[0]!): Promise<StreamRow | null> {
    const { rows } = await this.#scenario.db.query(
      `select s.state, coalesce(s.block, -1)::int as block, s.rows::int, s.error_code as code, s.reason, s.detail,
              s.hint, s.attempts, extract(epoch from s.next_retry - ampsync_private.now())::float8 as "retryIn",
              l.epoch::int, l.holder, l.lease_until is not null as "isLeased"
         from ampsync.streams s join ampsync_private.lease l using (stream_id)
        where s.target = format('%I.%I', $1::text, $2::text)`,
      [this.schema, table],
    );
    return (rows[0] as StreamRow | undefined) ?? null; // As the query names them.
  }

  /** State of each stream, by table. */
  async states(): Promise<Record<string, string>> {
    const { rows } = await this.#scenario.db.query(
      `select table_name, state from ampsync.streams where target like format('%I.%%', $1::text)`,
      [this.schema],
    );
    return Object.fromEntries(rows.map((row) => [row["table_name"], row["state"]]));
  }

  /** Waits until the stream of the first table meets the condition; resolves to what it was then. */
  async until(
    what: string,
    condition: (stream: StreamRow) => boolean | Promise<boolean>,
    deadlineMs?: number,
  ): Promise<StreamRow> {
    let seen: StreamRow | null = null;
    await this.#scenario.until(
      what,
      async () => {
        seen = await this.stream();
        return seen !== null && (await condition(seen));
      },
      deadlineMs,
    );
    return seen!;
  }

  /** Waits until all streams are in this state. */
  async untilAll(state: string): Promise<void> {
    await this.#scenario.until(`all streams of ${this.schema} ${state}`, async () => {
      const states = Object.values(await this.states());
      return states.length === this.tables.length && states.every((each) => each === state);
    });
  }

  /** Waits until the tables hold this block, and does nothing to help. */
  async reaches(options: ArrivalOptions = {}): Promise<void> {
    await this.#arrival({ deadlineMs: STALL_DEADLINE_MS, ...options });
  }

  /** The same; what waits for a later time, as after an error, is due at once. */
  async catchesUp(options: ArrivalOptions = {}): Promise<void> {
    await this.#arrival({ deadlineMs: STALL_DEADLINE_MS, ...options }, () => this.#scenario.hurry());
  }

  async #arrival(options: ArrivalOptions, help: () => Promise<void> = async () => {}): Promise<void> {
    const { head = this.source.chain.head()!, tables = this.tables.length, deadlineMs } = options;
    await this.#scenario.until(
      `${tables} of ${this.tables} of ${this.schema} at block ${head.number} ${head.hash}`,
      async () => {
        await help();
        return (await streamsAt(this.#scenario.db, this.schema, head)) === tables;
      },
      deadlineMs,
    );
  }

  /** How often something of its streams was journaled. */
  async events(event: string): Promise<number> {
    const { rows } = await this.#scenario.db.query(
      "select count(*)::int as n from ampsync.events where dataset = $1 and event = $2",
      [this.label, event],
    );
    return rows[0]!["n"];
  }

  /** Digests of its tables, `_id` included. */
  async fingerprints(): Promise<readonly string[]> {
    return await fingerprints(this.#scenario.db, this.schema, this.tables);
  }

  /** Fails unless its tables hold what a well-behaved server sends of the source now. */
  async expectSourceRows(tables = this.tables): Promise<void> {
    await expectSourceRows(this.#scenario.db, this.schema, this.source, tables);
  }

  /** Fails unless its tables are, `_id` included, what an undisturbed pass loads of a source now; by default of its own. */
  async expectFreshLoad(source = this.source): Promise<void> {
    expect(await this.fingerprints()).toEqual(await freshLoad(source, this.tables));
  }

  /** Fails unless a table of logs or transactions holds so many rows of each block of the chain, and no other row. */
  async expectBlocks(table: string, rowsPerBlock: number): Promise<void> {
    const { rows } = await this.#scenario.db.query(
      `select t._block_num::text || ' 0x' || encode(t.block_hash, 'hex') || ' ' || count(*) as block
         from ${this.schema}.${table} t group by t._block_num, t.block_hash order by t._block_num`,
    );
    const { chain } = this.source;
    const expected: string[] = [];
    for (
      let block = chain.canonical(chain.start);
      block !== null;
      block = chain.canonical(block.number + 1n)
    ) {
      expected.push(`${block.number} ${block.hash} ${rowsPerBlock}`);
    }
    expect(rows.map((row) => row["block"])).toEqual(expected);
  }
}
