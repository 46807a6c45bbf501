import { setTimeout as pause } from "node:timers/promises";

import type { Misbehaviour } from "../../../src/devserver/misbehaviour.ts";
import { type DevServer, startDevServer } from "../../../src/devserver/server.ts";
import { GeneratedSource } from "../../../src/devserver/sources/generated/source.ts";
import type { Identity } from "../../../src/encoder/plan.ts";
import type { CommitLimits } from "../../../src/model/limits.ts";
import { type Dice, dice } from "../dice.ts";
import { moveClock } from "../postgres/clock.ts";
import { createDatabase, type TestDatabase } from "../postgres/postgres.ts";
import { fingerprints, streamsAt } from "../postgres/tables.ts";
import { STALL_DEADLINE_MS, waitFor } from "../wait-for.ts";
import { ChainWatch } from "../watch/chain-watch.ts";
import { loadUndisturbed } from "../worker/fresh-load.ts";
import { PassDriver, type SyncedDataset, syncAtOnce } from "../worker/pass-driver.ts";
import { EVM_TABLES, type EvmTable } from "./evm-tables.ts";

const DEEPEST_REORG = 50;
/** A lease may be left behind, for instance where its release met a broken connection: it runs out, sooner here. */
const LEASES_RUN_OUT_AFTER_MS = 5_000;

/** What is the same in every case. */
export interface RandomCaseOptions {
  readonly misbehaviour?: Partial<Misbehaviour>;
  readonly limits?: Partial<CommitLimits>;
}

/** What random cases of one lane run on, one case after the other. */
export class Lane implements AsyncDisposable {
  readonly db: TestDatabase;
  /** Where each case's last chain is loaded by an undisturbed worker. */
  readonly fresh: TestDatabase;
  readonly server: DevServer;

  private constructor(db: TestDatabase, fresh: TestDatabase, server: DevServer) {
    this.db = db;
    this.fresh = fresh;
    this.server = server;
  }

  static async start(): Promise<Lane> {
    const source = new GeneratedSource(); // Each case publishes one of its own.
    const [db, fresh, server] = await Promise.all([
      createDatabase(),
      createDatabase(),
      startDevServer({ source }),
    ]);
    return new Lane(db, fresh, server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop();
    await Promise.all([this.db.drop(), this.fresh.drop()]);
  }
}

/**
 * One random life of a chain and of the workers that follow it: blocks, reorgs,
 * broken connections, other microbatches, frozen, killed and ended workers. Ends with
 * what is wrong, told by whoever looked on and by a fresh load of the last chain;
 * null if nothing is.
 */
export class RandomCase {
  readonly script: string[] = [];
  readonly #seed: number;
  readonly #roll: Dice;
  readonly #lane: Lane;
  readonly #options: RandomCaseOptions;
  readonly #source: GeneratedSource;
  readonly #schema: string;
  readonly #version: string;
  readonly #identity: Identity;
  readonly #rows: Readonly<Record<EvmTable, number>>;
  #watch: ChainWatch | null = null;
  /** From when on all tables are there. */
  #isWatched = false;
  #streams: readonly string[] = [];
  #worker: PassDriver | null = null;
  /** Frozen workers whose streams others took over. */
  readonly #zombies: PassDriver[] = [];
  #workers = 0;
  /** One more than the highest block ever seen: servers without orphans say nothing below it. */
  #height: bigint;

  constructor(seed: number, lane: Lane, options: RandomCaseOptions = {}) {
    this.#seed = seed;
    this.#lane = lane;
    this.#options = options;
    this.#roll = dice(seed);
    this.#schema = `chain_${seed}`;
    this.#version = `0.0.${seed}`;
    this.#identity = seed % 4 === 0 ? "transaction" : "content"; // Not rolled: seeds of earlier faults stay the same.
    this.#rows = { blocks: 1, logs: this.#roll(1, 4), transactions: this.#roll(1, 2) };
    this.#source = new GeneratedSource({
      seed,
      blocks: this.#roll(1, 120),
      logsPerBlock: this.#rows.logs,
      transactionsPerBlock: this.#rows.transactions,
    });
    this.#height = this.#source.chain.head()!.number;
  }

  /** For people: how each stream stands. */
  async states(): Promise<string> {
    const { rows } = await this.#lane.db.query(
      `select table_name, state, block, error_code, reason, detail, worker
         from ampsync.streams where target like $1`,
      [`${this.#schema}.%`],
    );
    return rows.map((row) => JSON.stringify(row)).join("\n  ");
  }

  async run(): Promise<string | null> {
    const { server, db } = this.#lane;
    server.publish(this.#version, this.#source);
    server.misbehaviour.blocksPerMicrobatch = this.#roll(1, 40);
    server.misbehaviour.lostOrphans = this.#roll(0, 2) === 0;
    server.misbehaviour.noPrevHash = this.#roll(0, 3) === 0;
    server.misbehaviour.keepAlives = this.#roll(0, 1);
    Object.assign(server.misbehaviour, this.#options.misbehaviour);
    this.script.push(`start ${this.#height} ${this.#identity} ${JSON.stringify(server.misbehaviour)}`);
    this.#streams = await syncAtOnce(db, this.#dataset);
    const client = await db.client();
    this.#watch = new ChainWatch(client, this.#schema, this.#source, this.#rows);
    this.#watch.remember();
    try {
      await this.#startWorker();
      await waitFor("the tables to be made", () => this.#targetsExist(), STALL_DEADLINE_MS);
      this.#watch.poll();
      this.#isWatched = true;
      for (let step = this.#roll(5, 11); step > 0; step--) {
        await this.#step();
      }
      await this.#catchUp();
      await this.#watch.look();
      const expected = await this.#freshLoad();
      const found = await fingerprints(db, this.#schema, EVM_TABLES);
      const differs = found.join() === expected.join() ? [] : [`${found} is not ${expected}`];
      return [...this.#watch.faults, ...differs, ...(await this.#misplacedRows())].join("\n") || null;
    } finally {
      await this.#worker?.stop();
      for (const zombie of this.#zombies) await zombie.kill();
      await this.#watch[Symbol.asyncDispose]();
      await client.end();
      await db.query(`drop schema if exists ${this.#schema} cascade`);
      server.unpublish(this.#version);
    }
  }

  async #step(): Promise<void> {
    const roll = this.#roll;
    const what = roll(0, 13);
    if (what <= 2) this.#change(`mine ${roll(1, 60)}`);
    else if (what <= 5) this.#reorg();
    else if (what === 6) for (let i = roll(2, 3); i > 0; i--) this.#reorg();
    else if (what === 7) this.#disconnect();
    else if (what === 8) this.#setBorders();
    else if (what === 9) await this.#restart();
    else if (what === 10) await this.#takeOver();
    else if (what === 11) await this.#kill();
    else if (what === 12) this.#thaw();
    else await this.#terminateBackends();

    const wait = roll(0, 3);
    if (wait === 0) await this.#catchUp();
    if (wait === 1) await pause(roll(0, 20)); // Not for something: so that changes come at any moment.
  }

  #change(what: string): void {
    this.script.push(what);
    const [verb, ...numbers] = what.split(" ");
    const [first = 0, second = first] = numbers.map(Number);
    if (verb === "mine") this.#source.mine(first);
    else this.#source.reorg(first, second);
    this.#watch?.remember();
    const { number } = this.#source.chain.head()!;
    if (number > this.#height) this.#height = number;
  }

  /** The first block is never replaced: no history reaches below it. */
  #reorg(): void {
    const deepest = Math.min(DEEPEST_REORG, Number(this.#source.chain.head()!.number));
    if (deepest < 1) return;
    const depth = this.#roll(1, 3) === 1 ? this.#roll(1, deepest) : this.#roll(1, Math.min(deepest, 8));
    this.#change(`reorg ${depth} ${Math.max(1, depth + this.#roll(-3, 5))}`);
  }

  #disconnect(): void {
    this.script.push("disconnect");
    this.#lane.server.disconnectAll();
  }

  #setBorders(): void {
    const { misbehaviour } = this.#lane.server;
    misbehaviour.blocksPerMicrobatch = this.#roll(1, 40);
    this.script.push(`borders ${misbehaviour.blocksPerMicrobatch}`);
    this.#lane.server.disconnectAll();
  }

  async #restart(): Promise<void> {
    this.script.push("restart");
    await this.#worker?.stop();
    await this.#startWorker();
  }

  /** The worker freezes where it stands; its leases run out and another one goes on. */
  async #takeOver(): Promise<void> {
    this.script.push("freeze");
    if (this.#worker !== null) {
      this.#worker.freeze();
      this.#zombies.push(this.#worker);
    }
    await moveClock(this.#lane.db, "31 s");
    await this.#startWorker();
  }

  async #kill(): Promise<void> {
    this.script.push("kill");
    await this.#worker?.kill();
    await moveClock(this.#lane.db, "31 s");
    await this.#startWorker();
  }

  /** Frozen workers go on, beside the one that has their leases. */
  #thaw(): void {
    this.script.push("thaw");
    for (const zombie of this.#zombies) zombie.thaw();
  }

  async #terminateBackends(): Promise<void> {
    this.script.push("terminate");
    await this.#lane.db.query(
      `select pg_terminate_backend(a.pid) from pg_stat_activity a
        where a.datname = current_database() and a.application_name = 'ampsync worker'`,
    );
  }

  async #startWorker(): Promise<void> {
    this.#workers++;
    this.#worker = await PassDriver.start(`worker-${this.#seed}-${this.#workers}`, this.#streams, {
      databaseUrl: this.#lane.db.url,
      flightAddress: this.#lane.server.flightAddress,
      ...(this.#options.limits && { limits: this.#options.limits }),
      onCommit: async () => (this.#isWatched ? await this.#watch?.look() : undefined),
    });
  }

  async #catchUp(): Promise<void> {
    const { number } = this.#source.chain.head()!;
    if (number < this.#height) this.#change(`mine ${this.#height - number}`);
    const head = this.#source.chain.head()!;
    this.script.push(`catch up to ${head.number}`);
    let moveAt = performance.now() + LEASES_RUN_OUT_AFTER_MS;
    await waitFor(
      `all tables at block ${head.number} ${head.hash}`,
      async () => {
        if (performance.now() > moveAt) {
          this.script.push("31 s");
          await moveClock(this.#lane.db, "31 s");
          moveAt = performance.now() + LEASES_RUN_OUT_AFTER_MS;
        }
        return (await streamsAt(this.#lane.db, this.#schema, head)) === EVM_TABLES.length;
      },
      STALL_DEADLINE_MS,
    );
  }

  async #targetsExist(): Promise<boolean> {
    const { rows } = await this.#lane.db.query(
      `select count(s.target)::int as made from ampsync_private.stream s where s.target_schema = $1`,
      [this.#schema],
    );
    return rows[0]!["made"] === EVM_TABLES.length;
  }

  /** Without a repair `_tx_id` and `_row_index` are in block order, because later rows have higher ones. */
  async #misplacedRows(): Promise<readonly string[]> {
    if (this.#identity === "content") return [];
    const faults: string[] = [];
    for (const table of EVM_TABLES) {
      const { rows } = await this.#lane.db.query(
        `select r._tx_id || '/' || r._row_index as key
           from (select t.*, lag(t._block_num) over (order by t._tx_id, t._row_index) as before
                   from ${this.#schema}.${table} t) r
          where r._block_num < r.before limit 3`,
      );
      faults.push(...rows.map(({ key }) => `${table} ${key} is below the block of the row before`));
    }
    return faults;
  }

  async #freshLoad(): Promise<readonly string[]> {
    const { fresh, server } = this.#lane;
    try {
      return await loadUndisturbed(fresh, server, this.#dataset, this.#source.chain.head()!);
    } finally {
      await fresh.query(`drop schema if exists ${this.#schema} cascade`);
    }
  }

  get #dataset(): SyncedDataset {
    const dataset = `_/anvil@${this.#version}`;
    return { dataset, schema: this.#schema, tables: EVM_TABLES, identity: this.#identity };
  }
}
