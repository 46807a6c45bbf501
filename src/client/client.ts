import type { Extensions } from "@electric-sql/pglite";
import xxhash from "xxhash-wasm";

import { AmpsyncError, type ErrorCode } from "../errors.ts";
import type { Snapshot, Welcome } from "../wire/from-gateway.ts";
import { Connection } from "./connection.ts";
import type { Database } from "./database.ts";
import { Frames } from "./frames.ts";
import { Housekeeping } from "./housekeeping.ts";
import { Inbox } from "./inbox.ts";
import { Lag } from "./lag.ts";
import { LiveQueries, type OnRows } from "./live.ts";
import type { Link } from "./machine.ts";
import { Reports } from "./reports.ts";
import { chunksFrom, readStaged, stage } from "./stage.ts";
import {
  bytesOf,
  failedTables,
  firstFailure,
  helloOf,
  phaseOf,
  readStanding,
  renameClient,
  type Standing,
} from "./standing.ts";
import { type ClientStatus, type Happening, History } from "./status.ts";
import { openStore, type Store } from "./store.ts";
import { Storing } from "./storing.ts";
import {
  addSubscription,
  type Failure,
  isSame,
  leaveSubscription,
  noteAnswers,
  type Subscription,
  spoiledTables,
  spoilTable,
  wishOf,
} from "./subscriptions.ts";
import { makeTable, Tables } from "./tables.ts";
import { Turns } from "./turns.ts";

export interface ClientOptions {
  /** Of a gateway, or of what distributes connections among gateways: `https://sync.example`. */
  readonly url: string;
  /** A name, a directory, or `memory://`, `opfs-ahp://name`, `idb://name`. */
  readonly store: string;
  /** Asked before each connection, and before a token expires. */
  readonly token: () => string | Promise<string>;
  /** What this client holds; what an earlier run held beside it is given up. Left out: what the store holds. */
  readonly shapes?: readonly Subscription[];
  readonly extensions?: Extensions;
  readonly WebSocket?: typeof WebSocket;
  readonly fetch?: typeof fetch;
}

export interface Subscribed {
  readonly id: string;
  /** Resolves when its rows are here. */
  ready(): Promise<void>;
  unsubscribe(): Promise<void>;
}

/** Opens the store, which needs no connection, and begins to follow. */
export async function createClient(options: ClientOptions): Promise<Client> {
  const { h64Raw } = await xxhash();
  const { protocol } = new URL(options.url);
  if (!/^(?:http|ws)s?:$/.test(protocol))
    throw new Error(`a gateway is reached by https or wss, not ${protocol}`);
  const store = await openStore(options.store, options.extensions);
  try {
    const tables = new Tables();
    await store.pg.transaction((tx) => tables.read(tx));
    const client = new Client(options, store, tables, (bytes) => h64Raw(bytes));
    await client.begin();
    return client;
  } catch (error) {
    await store.pg.close().finally(store.release);
    throw error;
  }
}

export class Client {
  /** The database itself: transactions of one's own, where client and database share a thread. */
  readonly pg: Database;
  readonly #options: ClientOptions;
  readonly #store: Store;
  readonly #tables: Tables;
  readonly #turns = new Turns();
  readonly #live: LiveQueries;
  readonly #lag = new Lag(() => performance.now());
  readonly #storing: Storing;
  readonly #inbox: Inbox;
  readonly #connection: Connection;
  readonly #reports: Reports;
  readonly #history = new History();
  readonly #listeners = new Set<(status: ClientStatus) => void>();
  /** Those who wait for a state: asked each time it may have changed. */
  readonly #waiting = new Set<() => void>();
  readonly #users = new Map<string, number>();
  /** Subscriptions that the present connection was asked for. */
  #asked = new Set<string>();
  #standing!: Standing;
  #bytes = "0";
  #error: Failure | null = null;
  #full = false;
  #closing: Promise<void> | null = null;

  constructor(options: ClientOptions, store: Store, tables: Tables, hash: (bytes: Uint8Array) => bigint) {
    this.#options = options;
    this.#store = store;
    this.#tables = tables;
    this.pg = store.pg;
    this.#live = new LiveQueries(store.pg, this.#turns, (error) => this.#failed(error));
    this.#storing = new Storing(store.pg, store.pauseMs);
    const failed = (error: unknown) => this.#failed(error);
    this.#connection = new Connection(
      options.url,
      {
        token: async () => options.token(),
        hello: (token) => this.#hello(token),
        take: (message, isCurrent) => this.#inbox.take(message, isCurrent),
        changed: (link) => this.#linked(link),
        newClientId: () => this.#turns.take(() => this.#rename()),
        failed,
      },
      { now: () => performance.now(), random: Math.random, WebSocket: options.WebSocket ?? WebSocket },
    );
    const send = this.#connection.send.bind(this.#connection);
    this.#reports = new Reports(send);
    const fetchChunk = chunksFrom(options.url, () => this.#connection.token, options.fetch ?? fetch);
    const turn = <T>(step: () => Promise<T>) => this.#turns.take(step);
    this.#inbox = new Inbox({
      lag: this.#lag,
      frames: new Frames({
        pg: store.pg,
        tables,
        turns: this.#turns,
        live: this.#live,
        lag: this.#lag,
        storing: this.#storing,
        housekeeping: new Housekeeping(store.pg),
        isLoading: () => phaseOf(this.#standing) !== "live",
        failedTables: () => failedTables(this.#standing),
        send,
        changed: () => this.#changed(),
        failed,
        notStored: (error) => this.#notStored(error),
      }),
      send,
      tell: (event) => this.#connection.tell(event),
      renewToken: () => this.#connection.renewToken(),
      answered: (answers, forms) => this.#turns.take(() => this.#answered(answers, forms)),
      welcomed: () => this.#welcomed(),
      stage: (snapshot: Snapshot, signal) =>
        stage({ pg: store.pg, tables, fetchChunk, hash, turn, signal }, snapshot),
      changed: () => this.#changed(),
      failed,
    });
  }

  /** Called once, by `createClient`. */
  async begin(): Promise<void> {
    const { shapes } = this.#options;
    if (shapes !== undefined) await this.#turns.take(() => this.#want(shapes));
    await this.#changed();
    this.#connection.tell({ kind: "timer" });
  }

  get status(): ClientStatus {
    const { position, blocks, subscriptions } = this.#standing;
    return {
      phase: phaseOf(this.#standing),
      connected: this.#connection.link === "open",
      connection: this.#connection.link,
      position,
      lagMs: this.#lag.ms(BigInt(position), BigInt(blocks)),
      pending: 0,
      shapes: subscriptions.map(({ definition: _, ...rest }) => rest),
      store: { kind: this.#store.kind, bytes: this.#bytes, status: this.#full ? "storage_full" : "ok" },
      error: firstFailure(this.#standing) ?? this.#error,
    };
  }

  /** Called at once, and whenever something of it has changed. */
  onStatus(listener: (status: ClientStatus) => void): () => void {
    this.#listeners.add(listener);
    listener(this.status);
    return () => void this.#listeners.delete(listener);
  }

  /** Resolves when everything that was asked for is here; rejects where a shape is refused. */
  ready(): Promise<void> {
    return this.#until(() => {
      const failure = firstFailure(this.#standing);
      if (failure !== null) throw errorOf(failure);
      return phaseOf(this.#standing) === "live";
    });
  }

  /** One statement, in a transaction of its own. What it wrote is stored when this resolves. */
  async query<T = Record<string, unknown>>(
    sql: string,
    params: readonly unknown[] = [],
  ): Promise<{ rows: T[] }> {
    const { rows, wrote } = await this.#turns.take(async () => {
      const result = await this.pg.transaction(async (tx) => {
        const { rows } = await tx.query<T>(sql, [...params]);
        const xid = await tx.query<{ wrote: boolean }>(
          "select pg_current_xact_id_if_assigned() is not null as wrote",
        );
        return { rows, wrote: xid.rows[0]?.wrote === true };
      });
      if (result.wrote) await this.#live.changed(null);
      return result;
    });
    if (wrote) await this.#storing.now();
    return { rows };
  }

  /** Gives the rows now, and again whenever what the query reads has changed. Resolves, after the first rows, with what ends it. */
  live(sql: string, params: readonly unknown[], onRows: OnRows): Promise<() => void> {
    return this.#live.add(sql, params, onRows);
  }

  async subscribe(wanted: Subscription): Promise<Subscribed> {
    const id = await this.#turns.take(() => this.#add(wanted));
    await this.#storing.now();
    await this.#changed();
    this.#askForMore();
    this.#connection.tell({ kind: "call" });
    let ended: Promise<void> | null = null;
    const unsubscribe = () => {
      ended ??= this.#unsubscribe(id);
      return ended;
    };
    return { id, ready: () => this.#settled(id), unsubscribe };
  }

  /** Loads a table anew: one whose frames could not be applied goes on with it. Without a connection, with the next one. */
  async reload(table: string): Promise<void> {
    await this.#turns.take(() => this.pg.transaction((tx) => spoilTable(tx, table)));
    await this.#storing.now();
    await this.#changed();
    this.#connection.send({ t: "load", tables: [table] });
    this.#connection.tell({ kind: "call" });
  }

  /** After `signed_out`: asks for a token again. */
  signIn(): void {
    this.#connection.tell({ kind: "sign_in" });
  }

  /** The device is online again, or the page visible: what waits for another try does not wait any longer. */
  wake(): void {
    this.#connection.tell({ kind: "wake" });
  }

  /** What happened last. Neither rows nor tokens. */
  debug(): { readonly status: ClientStatus; readonly history: readonly Happening[] } {
    return { status: this.status, history: this.#history.all() };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#connection.tell({ kind: "stop" });
    this.#reports.end();
    try {
      await this.#inbox.clear();
      await this.#turns.take(() => this.#storing.now().finally(() => this.pg.close()));
    } finally {
      this.#store.release();
      this.#ask();
    }
  }

  async #want(shapes: readonly Subscription[]): Promise<void> {
    const { subscriptions } = await readStanding(this.pg);
    for (const state of subscriptions) {
      if (!shapes.some((wanted) => isSame(state, wanted))) {
        await this.pg.transaction((tx) => leaveSubscription(tx, state.id));
      }
    }
    this.#standing = await readStanding(this.pg);
    for (const wanted of shapes) await this.#add(wanted);
    await this.#storing.now();
  }

  async #add(wanted: Subscription): Promise<string> {
    const { subscriptions } = await readStanding(this.pg);
    const there = subscriptions.find((state) => state.phase !== "leaving" && isSame(state, wanted));
    const id = there?.id ?? crypto.randomUUID();
    if (there === undefined) await this.pg.transaction((tx) => addSubscription(tx, id, wanted));
    this.#users.set(id, (this.#users.get(id) ?? 0) + 1);
    return id;
  }

  async #unsubscribe(id: string): Promise<void> {
    const users = (this.#users.get(id) ?? 1) - 1;
    this.#users.set(id, users);
    if (users > 0) return;
    await this.#turns.take(() => this.pg.transaction((tx) => leaveSubscription(tx, id)));
    await this.#storing.now();
    this.#connection.send({ t: "unsubscribe", ids: [id] });
    await this.#changed();
  }

  #settled(id: string): Promise<void> {
    return this.#until(() => {
      const state = this.#standing.subscriptions.find((one) => one.id === id);
      if (state?.phase === "failed" && state.error !== null) throw errorOf(state.error);
      return state === undefined || state.phase === "live";
    });
  }

  async #hello(token: string) {
    return this.#turns.take(async () => {
      this.#standing = await readStanding(this.pg);
      this.#asked = new Set(this.#standing.subscriptions.map(({ id }) => id));
      return helloOf(this.#standing, token, await readStaged(this.pg));
    });
  }

  async #rename(): Promise<void> {
    await renameClient(this.pg);
    await this.#storing.now();
  }

  async #answered(answers: Welcome["shapes"], forms: Welcome["tables"]): Promise<void> {
    this.#tables.announce(forms);
    for (const form of this.#tables.missing()) await this.#make(form);
    await this.pg.transaction((tx) => noteAnswers(tx, answers));
    await this.#storing.soon();
    await this.#changed();
  }

  async #make(form: Welcome["tables"][number]): Promise<void> {
    await this.pg.transaction((tx) => makeTable(tx, form));
    await this.pg.transaction((tx) => this.#tables.read(tx));
  }

  async #welcomed(): Promise<void> {
    const leaving = this.#standing.subscriptions.filter(({ phase }) => phase === "leaving");
    if (leaving.length > 0) this.#connection.send({ t: "unsubscribe", ids: leaving.map(({ id }) => id) });
    this.#error = null;
    this.#reports.welcomed();
    await this.#changed();
    this.#askForMore();
    const spoiled = spoiledTables(this.#standing.subscriptions);
    if (spoiled.length > 0) this.#connection.send({ t: "load", tables: spoiled });
  }

  /** What was subscribed after the hello was written. */
  #askForMore(): void {
    if (this.#connection.link !== "open") return;
    const more = this.#standing.subscriptions.filter(
      ({ id, phase }) => phase === "loading" && !this.#asked.has(id),
    );
    if (more.length === 0) return;
    for (const { id } of more) this.#asked.add(id);
    this.#connection.send({ t: "subscribe", shapes: more.map(wishOf) });
  }

  #linked(link: Link): void {
    if (link !== "open") {
      this.#lag.disconnected();
      this.#reports.end();
      void this.#inbox.clear();
    }
    this.#history.note(link);
    this.#show();
  }

  async #changed(): Promise<void> {
    if (this.#closing !== null) return;
    this.#standing = await readStanding(this.pg);
    this.#bytes = await bytesOf(this.pg);
    this.#history.note(phaseOf(this.#standing));
    this.#show();
  }

  #show(): void {
    if (this.#standing === undefined) return;
    const { status } = this;
    const { phase, pending, store, error } = status;
    this.#reports.offer({
      t: "report",
      pending,
      phase,
      error: error === null ? null : { code: error.code, table: null, message: error.message },
      migrations: [],
      checks: [],
      store,
    });
    for (const listener of this.#listeners) {
      try {
        listener(status);
      } catch (thrown) {
        // The application's own mistake: what the client does next does not depend on it.
        this.#note(thrown);
      }
    }
    this.#ask();
  }

  #failed(error: unknown): void {
    this.#note(error);
    this.#show();
  }

  #note(error: unknown): void {
    this.#error = failureOf(error);
    this.#history.note(`${this.#error.code}: ${this.#error.message}`);
  }

  /** Frames stay where they are; the gateway, which hears of no progress, sends them again. */
  #notStored(error: unknown): void {
    this.#full = true;
    this.#failed(error);
  }

  /** Resolves once it is so; rejects when it throws, or when the client is closed before. */
  #until(isSo: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        try {
          const isClosed = this.#closing !== null;
          if (!isSo() && !isClosed) return;
          this.#waiting.delete(look);
          if (isClosed) reject(new Error("the client is closed"));
          else resolve();
        } catch (error) {
          this.#waiting.delete(look);
          reject(error);
        }
      };
      this.#waiting.add(look);
      look();
    });
  }

  #ask(): void {
    for (const look of [...this.#waiting]) look();
  }
}

function failureOf(error: unknown): Failure {
  const { code, message, hint } = error as { code?: unknown; message?: unknown; hint?: unknown };
  return {
    code: typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) ? code : "SY903",
    message: typeof message === "string" ? message : String(error),
    hint: typeof hint === "string" ? hint : null,
  };
}

function errorOf({ code, message, hint }: Failure): AmpsyncError {
  // The gateway's code: of the same table.
  return new AmpsyncError(code as ErrorCode, message, hint === null ? {} : { hint });
}
