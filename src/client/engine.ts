import type { Snapshot, Welcome } from "../wire/from-gateway.ts";
import type { ClientOptions, LocalClient, Subscribed } from "./api.ts";
import { AtMost } from "./at-most.ts";
import type { Verified } from "./compare.ts";
import { Condition } from "./condition.ts";
import { Connection } from "./connection.ts";
import { type Database, read } from "./database.ts";
import { Frames } from "./frames.ts";
import { Housekeeping } from "./housekeeping.ts";
import { Inbox } from "./inbox.ts";
import { Lag } from "./lag.ts";
import { LiveQueries, type OnRows } from "./live.ts";
import type { Link } from "./machine.ts";
import { once } from "./once.ts";
import { Reports } from "./reports.ts";
import { type Result, runStatements, type Statement } from "./requests.ts";
import { CHUNKS_AT_ONCE, chunksFrom, readStaged, stage } from "./stage.ts";
import { emptyClient, failedTables, helloOf, phaseOf, renameClient } from "./standing.ts";
import type { ClientStatus, Debug } from "./status.ts";
import type { Store } from "./store.ts";
import { StoreHealth } from "./store-health.ts";
import { Storing } from "./storing.ts";
import { Subscribing } from "./subscribing.ts";
import {
  type Failure,
  failTable,
  noteAnswers,
  type Subscription,
  spoilTable,
  unappliable,
} from "./subscriptions.ts";
import { makeTable, Tables } from "./tables.ts";
import { Turns } from "./turns.ts";
import { Verifying } from "./verify.ts";
import { onRest, onWake } from "./wake.ts";

/** A client in one thread: joins its store, its connection and what its user asks for. */
export class Engine implements LocalClient {
  readonly pg: Database;
  readonly #options: ClientOptions;
  readonly #store: Store;
  readonly #tables = new Tables();
  readonly #turns = new Turns();
  readonly #lag = new Lag(() => performance.now());
  readonly #live: LiveQueries;
  readonly #storing: Storing;
  readonly #housekeeping: Housekeeping;
  readonly #notStored = (error: unknown) => this.#health.failed(error);
  readonly #condition: Condition;
  readonly #health: StoreHealth;
  readonly #inbox: Inbox;
  readonly #connection: Connection;
  readonly #subscribing: Subscribing;
  readonly #reports: Reports;
  readonly #verifying: Verifying;
  #stopWaking = () => {};
  #stopResting = () => {};
  #closing: Promise<void> | null = null;

  constructor(options: ClientOptions, store: Store, hash: (bytes: Uint8Array) => bigint) {
    const { pg, kind } = store;
    this.pg = pg;
    this.#options = options;
    this.#store = store;
    this.#connection = this.#connectionTo(options);
    const send = this.#connection.send.bind(this.#connection);
    this.#reports = new Reports(send);
    this.#condition = new Condition({
      pg,
      kind,
      lag: this.#lag,
      link: () => this.#connection.link,
      health: () => this.#health,
      report: (report) => this.#reports.offer(report),
    });
    const condition = this.#condition;
    const failed = (error: unknown) => condition.failed(error);
    const changed = condition.changed.bind(condition);
    this.#verifying = new Verifying({ send, report: (checks) => condition.report(checks) });
    this.#live = new LiveQueries(pg, this.#turns, failed);
    this.#storing = new Storing(pg, store.pauseMs);
    this.#housekeeping = new Housekeeping(pg);
    this.#health = new StoreHealth({
      store,
      turns: this.#turns,
      shown: () => condition.show(),
      recovered: () => this.#connection.tell({ kind: "gap" }),
    });
    const notStored = this.#notStored;
    const isWell = () => this.#health.isWell;
    this.#subscribing = new Subscribing({
      pg,
      turns: this.#turns,
      storing: this.#storing,
      condition,
      connection: this.#connection,
    });
    const fetchChunk = chunksFrom(
      () => this.#connection.address,
      () => this.#connection.token,
      options.fetch ?? fetch,
    );
    const chunks = new AtMost(CHUNKS_AT_ONCE);
    const turn = <T>(step: () => Promise<T>) => this.#turns.take(step);
    this.#inbox = new Inbox({
      lag: this.#lag,
      frames: new Frames({
        pg,
        tables: this.#tables,
        turns: this.#turns,
        live: this.#live,
        lag: this.#lag,
        storing: this.#storing,
        housekeeping: this.#housekeeping,
        isLoading: () => phaseOf(condition.standing) !== "live",
        failedTables: () => failedTables(condition.standing),
        send,
        changed,
        freed: () => this.#subscribing.freed(),
        failed,
        answered: (answers) => this.#verifying.answered(answers),
        isWell,
        notStored,
      }),
      send,
      tell: (event) => this.#connection.tell(event),
      answered: (answers, forms, isCurrent) =>
        this.#turns.take(async () => {
          if (isCurrent()) await this.#answered(answers, forms);
        }),
      hopeless: (table, error) => this.#hopeless(table, error).catch(notStored),
      welcomed: () => this.#welcomed(),
      told: (progress) => condition.loading.told(progress),
      stage: (snapshot: Snapshot, signal) => {
        const fetched = (rows: bigint) => {
          condition.loading.fetched(snapshot, rows);
          condition.show();
        };
        const stored = () => this.#storing.soon();
        const staging = { pg, tables: this.#tables, fetchChunk, hash, turn, stored, chunks, signal, fetched };
        return stage(staging, snapshot);
      },
      changed: () => changed(),
      failed,
      isWell,
      notStored,
    });
  }

  #connectionTo(options: ClientOptions): Connection {
    return new Connection(
      options.url,
      {
        token: async () => options.token(),
        hello: (token) => this.#hello(token),
        take: (message, isCurrent) => this.#inbox.take(message, isCurrent),
        changed: (link) => this.#linked(link),
        newClientId: () => this.#turns.take(() => this.#rename()),
        failed: (error) => this.#condition.failed(error),
        triedAt: (address) => this.#condition.history.note(`gateway ${address}`),
      },
      { now: () => performance.now(), random: Math.random, WebSocket: options.WebSocket ?? WebSocket },
    );
  }

  /** Called once, by who made it: reads the store, and connects. */
  async begin(): Promise<void> {
    await this.pg.transaction((tx) => this.#tables.read(tx));
    const { shapes } = this.#options;
    if (shapes !== undefined) await this.#subscribing.want(shapes);
    await this.#condition.changed();
    this.#stopWaking = onWake(() => this.wake());
    this.#stopResting = onRest(() => void this.rest());
    this.#connection.tell({ kind: "timer" });
  }

  /** For a worker that has the store for several tabs: a number that is higher than any of a worker before. */
  async lead(): Promise<number> {
    const rows = await this.#turns.take(() =>
      read<{ leader: number }>(this.pg, "update ampsync.state set leader = leader + 1 returning leader"),
    );
    // A store that is full can be read, and tabs are told that it is.
    await this.#storing.now().catch(this.#notStored);
    const generation = rows[0]?.leader ?? 0;
    this.#condition.history.note(`leader ${generation}`);
    return generation;
  }

  /** One more user of the store wants these, and gets their ids; `giveUpUnheld` ends what none wants. */
  hold(shapes: readonly Subscription[]): Promise<readonly string[]> {
    return this.#subscribing.hold(shapes);
  }

  /** A user is gone, that wanted these. */
  release(ids: readonly string[]): void {
    this.#subscribing.release(ids);
  }

  giveUpUnheld(): Promise<void> {
    return this.#subscribing.giveUpUnheld().catch(this.#notStored);
  }

  unsubscribe(id: string): Promise<void> {
    return this.#subscribing.unsubscribe(id);
  }

  get status(): ClientStatus {
    return this.#condition.status;
  }

  onStatus(listener: (status: ClientStatus) => void): () => void {
    return this.#condition.watchers.add(listener);
  }

  ready(): Promise<void> {
    return this.#condition.watchers.ready();
  }

  async query<T = Record<string, unknown>>(sql: string, params: readonly unknown[] = []): Promise<Result<T>> {
    const [result] = await this.write([{ sql, params }]);
    return result as Result<T>;
  }

  write(statements: readonly Statement[]): Promise<readonly Result[]> {
    return this.request(statements, null);
  }

  /** As `write`; with an id what wrote is not run again, whoever asks, and is answered as it was. */
  async request(statements: readonly Statement[], id: string | null): Promise<readonly Result[]> {
    return await this.#health.guard(async () => {
      const { results, wrote } = await this.#turns.take(async () => {
        const done = await runStatements(this.pg, statements, id, (tx) => this.#health.begin(tx));
        if (done.wrote) await this.#live.changed(null);
        return done;
      });
      if (wrote) await this.#storing.now();
      // Who wrote does not wait for it.
      if (wrote) void this.#turns.take(() => this.#housekeeping.tend([])).catch(this.#notStored);
      if (wrote) this.#health.wrote();
      return results;
    });
  }

  live(sql: string, params: readonly unknown[], onRows: OnRows): Promise<() => void> {
    return this.#live.add(sql, params, onRows);
  }

  async subscribe(wanted: Subscription): Promise<Subscribed> {
    const id = await this.#subscribing.subscribe(wanted);
    const unsubscribe = once(() => this.#subscribing.unsubscribe(id));
    return { id, ready: () => this.#condition.watchers.settled(id), unsubscribe };
  }

  async reload(table: string): Promise<void> {
    await this.#turns.take(() => this.pg.transaction((tx) => spoilTable(tx, table)));
    await this.#storing.now();
    await this.#condition.changed();
    this.#subscribing.reload(table);
    this.#connection.tell({ kind: "call" });
  }

  async verify(tables?: readonly string[]): Promise<readonly Verified[]> {
    const { subscriptions } = this.#condition.standing;
    const held = subscriptions.flatMap(({ table }) => (table === null ? [] : [table]));
    return await this.#verifying.ask([...new Set(tables ?? held)]);
  }

  async reset(_: { readonly discardPending?: boolean } = {}): Promise<void> {
    await this.#turns.take(async () => {
      const clientId = await emptyClient(this.pg);
      await this.#storing.now();
      await this.#store.noteClient(clientId);
      // A hello that was said, and what was answered to it, is of the client that was.
      this.#connection.tell({ kind: "gap" });
      await this.#live.changed(null);
    });
    await this.#condition.changed();
    this.#connection.tell({ kind: "renamed" });
  }

  signIn(): void {
    this.#connection.tell({ kind: "sign_in" });
  }

  /** The page may not come back: to open the store again is to take no longer than it has to. */
  async rest(): Promise<void> {
    if (!this.#health.isWell || this.#closing !== null) return;
    await this.#turns.take(() => this.#housekeeping.checkpoint()).catch(this.#notStored);
    await this.#storing.now().catch(this.#notStored);
  }

  wake(): void {
    this.#health.wake();
    this.#connection.tell({ kind: "wake" });
  }

  debug(): Debug {
    return {
      status: this.status,
      gateway: this.#connection.address,
      history: this.#condition.history.all(),
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#condition.watchers.close();
    this.#stopWaking();
    this.#stopResting();
    this.#connection.tell({ kind: "stop" });
    this.#reports.end();
    this.#verifying.end(new Error("the client is closed"));
    try {
      await this.#inbox.clear();
      await this.#turns.take(() => this.#health.close(() => this.#storing.now()));
    } finally {
      this.#store.release();
    }
  }

  async #hello(token: string) {
    return this.#turns.take(async () => {
      // A store that was opened again may hold others than before.
      await this.pg.transaction((tx) => this.#tables.read(tx));
      const standing = await this.#condition.readStanding();
      return helloOf(standing, this.#subscribing.forHello(), token, await readStaged(this.pg));
    });
  }

  async #rename(): Promise<void> {
    const clientId = await renameClient(this.pg);
    await this.#storing.now();
    await this.#store.noteClient(clientId);
  }

  async #answered(answers: Welcome["shapes"], forms: Welcome["tables"]): Promise<void> {
    if (!this.#health.isWell) return;
    this.#tables.announce(forms);
    const unmade = await this.#makeMissing();
    const noted = this.#subscribing.answered(answers);
    this.#condition.loading.answered(noted);
    await this.pg.transaction(async (tx) => {
      await noteAnswers(tx, noted);
      for (const [table, error] of unmade) await failTable(tx, table, error);
    });
    await this.#storing.soon();
    await this.#condition.changed();
  }

  async #hopeless(table: string, error: unknown): Promise<void> {
    const failure = unappliable(table, (error as Error).message);
    await this.#turns.take(() => this.pg.transaction((tx) => failTable(tx, table, failure)));
    await this.#condition.changed();
  }

  /** Returns the tables that cannot be made, and why: their shapes fail, and no others. */
  async #makeMissing(): Promise<ReadonlyMap<string, Failure>> {
    const unmade = new Map<string, Failure>();
    for (const form of this.#tables.missing()) {
      try {
        await this.pg.transaction((tx) => makeTable(tx, form));
        await this.pg.transaction((tx) => this.#tables.read(tx));
      } catch (error) {
        unmade.set(form.name, unappliable(form.name, (error as Error).message));
      }
    }
    return unmade;
  }

  async #welcomed(): Promise<void> {
    this.#condition.well();
    this.#reports.welcomed();
    await this.#condition.changed();
    this.#subscribing.welcomed();
    this.#verifying.welcomed();
  }

  #linked(link: Link): void {
    if (link !== "open") {
      this.#lag.disconnected();
      this.#reports.end();
      void this.#inbox.clear();
    }
    this.#condition.linked(link);
  }
}
