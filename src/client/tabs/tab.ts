import type { Client, Subscribed, TabOptions } from "../api.ts";
import { askToPersist } from "../browser-storage.ts";
import type { Verified } from "../compare.ts";
import type { OnRows, Rows } from "../live.ts";
import { once } from "../once.ts";
import type { Result, Statement } from "../requests.ts";
import { type ClientStatus, type Debug, failureOf, History } from "../status.ts";
import type { Failure, Subscription } from "../subscriptions.ts";
import { onRest, onWake } from "../wake.ts";
import { Watchers } from "../watchers.ts";
import { Line, type Times } from "./line.ts";
import type { Watched } from "./messages.ts";
import { OwnWorker } from "./own-worker.ts";

const TIMES: Times = { deadlineMs: 15_000, pingMs: 5_000, frozenMs: 15_000 };

/** Before a leader has said more. */
const UNKNOWN: ClientStatus = {
  phase: "new",
  connected: false,
  connection: "waiting",
  position: "0",
  lagMs: null,
  pending: 0,
  shapes: [],
  store: { kind: "opfs", bytes: "0", status: "ok", persisted: null, usage: null, quota: null },
  error: null,
  leader: "opening",
};

const FROZEN: Failure = {
  code: "SY420",
  message: "the tab that has the store open does not answer",
  hint: "Open that tab, or close it: another goes on.",
};

interface Live extends Watched {
  readonly onRows: OnRows;
  isHere: boolean;
}

/** A client whose store is open in a worker: that of this tab, or of another one. */
export class Tab implements Client {
  readonly #watchers = new Watchers(() => this.status);
  readonly #history = new History();
  readonly #line: Line;
  readonly #worker: OwnWorker;
  readonly #url: string;
  readonly #lives = new Map<string, Live>();
  readonly #subscribed = new Map<string, Subscription>();
  readonly #opened = Promise.withResolvers<void>();
  readonly #stopWaking = onWake(() => this.wake());
  readonly #stopResting = onRest(() => void this.#line.ask("rest", null).catch(() => {}));
  #status = UNKNOWN;
  #hasWritten = false;
  #error: Failure | null = null;
  #closing: Promise<void> | null = null;

  /** Resolves when a leader has taken this tab in, or does not answer; rejects where the store cannot be opened. */
  static async open(options: TabOptions, times = TIMES): Promise<Tab> {
    const tab = new Tab(options, times);
    try {
      await tab.#opened.promise;
      return tab;
    } catch (error) {
      await tab.close();
      throw error;
    }
  }

  private constructor(options: TabOptions, times: Times) {
    const { store, url, reset = false } = options;
    this.#url = url;
    const tab = crypto.randomUUID();
    this.#line = new Line(store, tab, times, {
      wanted: () => ({ shapes: options.shapes ?? null, subscribed: [...this.#subscribed.values()] }),
      token: async () => options.token(),
      joined: (status) => this.#joined(status),
      refused: (error) => this.#refused(error),
      status: (status) => this.#told(status),
      rows: (live, rows) => this.#rows(live, rows),
      moved: () => this.#moved(),
    });
    const unavailable = (error: unknown) => {
      this.#failed(error);
      this.#opened.reject(error);
    };
    this.#worker = new OwnWorker(options.worker, { store, url, reset, tab }, unavailable);
    this.#line.begin().then(() => this.#worker.begin(), unavailable);
  }

  get status(): ClientStatus {
    const leader = this.#line.where;
    const error = this.#status.error ?? this.#error;
    if (leader === "here" || leader === "elsewhere") return { ...this.#status, leader, error };
    return {
      ...this.#status,
      connected: false,
      connection: "waiting",
      lagMs: null,
      leader,
      error: leader === "leader_frozen" ? (this.#error ?? FROZEN) : error,
    };
  }

  onStatus(listener: (status: ClientStatus) => void): () => void {
    return this.#watchers.add(listener);
  }

  ready(): Promise<void> {
    return this.#watchers.ready();
  }

  async query<T = Record<string, unknown>>(sql: string, params: readonly unknown[] = []): Promise<Result<T>> {
    const [result] = await this.write([{ sql, params }]);
    return result as Result<T>;
  }

  async write(statements: readonly Statement[]): Promise<readonly Result[]> {
    const results = await this.#line.ask("write", statements);
    // A worker cannot ask for it.
    if (!this.#hasWritten && results.some(({ affectedRows }) => affectedRows > 0)) {
      this.#hasWritten = true;
      askToPersist().catch(() => {});
    }
    return results;
  }

  async live(sql: string, params: readonly unknown[], onRows: OnRows): Promise<() => void> {
    const id = crypto.randomUUID();
    const live: Live = { live: id, sql, params, onRows, isHere: false };
    this.#lives.set(id, live);
    try {
      await this.#watch(live);
    } catch (error) {
      this.#lives.delete(id);
      // It may be there all the same, with an answer that came too late.
      this.#line.ask("unlive", id).catch(() => {});
      throw error;
    }
    return () => {
      if (this.#lives.delete(id)) this.#line.ask("unlive", id).catch(() => {});
    };
  }

  async subscribe(wanted: Subscription): Promise<Subscribed> {
    const { id, status } = await this.#line.ask("subscribe", wanted);
    const key = crypto.randomUUID();
    this.#subscribed.set(key, wanted);
    this.#told(status);
    const unsubscribe = once(async () => {
      this.#subscribed.delete(key);
      await this.#line.ask("unsubscribe", id);
    });
    return { id, ready: () => this.#watchers.settled(id), unsubscribe };
  }

  async reload(table: string): Promise<void> {
    await this.#line.ask("reload", table);
  }

  verify(tables?: readonly string[]): Promise<readonly Verified[]> {
    return this.#line.ask("verify", tables ?? null);
  }

  async reset(options: { readonly discardPending?: boolean } = {}): Promise<void> {
    await this.#line.ask("reset", options);
  }

  signIn(): void {
    this.#line.ask("sign_in", null).catch((error) => this.#failed(error));
  }

  wake(): void {
    // What does not hear it now is found by its own timer.
    this.#line.ask("wake", null).catch(() => {});
  }

  async debug(): Promise<Debug> {
    const own = this.#history.all();
    const leader = await this.#line.ask("debug", null).catch(() => null);
    if (leader === null) return { status: this.status, gateway: this.#url, history: own };
    const all = [...leader.history, ...own].sort((a, b) => (a.at < b.at ? -1 : 1));
    return { status: this.status, gateway: leader.gateway, history: all.slice(-100) };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#stopWaking();
    this.#stopResting();
    this.#lives.clear();
    this.#watchers.close();
    this.#line.close(new Error("the client is closed"));
    await this.#worker.stop();
  }

  /** Live queries of the leader before are asked of this one. */
  #joined(status: ClientStatus): void {
    this.#error = null;
    this.#worker.joined();
    this.#told(status);
    this.#opened.resolve();
    for (const live of this.#lives.values()) {
      if (live.isHere) this.#watchAgain(live);
    }
  }

  #refused(error: unknown): void {
    this.#failed(error);
    // One that is late is asked again.
    if (failureOf(error).code !== "SY420") this.#opened.reject(error);
  }

  #watchAgain(live: Live): void {
    // Until it is answered it is asked of other leaders as all that waits for an answer.
    live.isHere = false;
    this.#watch(live).catch((error) => {
      live.isHere = true;
      this.#failed(error);
    });
  }

  async #watch(live: Live): Promise<void> {
    const { live: id, sql, params } = live;
    const rows = await this.#line.ask("live", { live: id, sql, params });
    live.isHere = true;
    this.#rows(id, rows);
  }

  #rows(id: string, rows: Rows): void {
    try {
      this.#lives.get(id)?.onRows(rows);
    } catch (error) {
      this.#failed(error);
    }
    this.#line.shown(id);
  }

  #told(status: ClientStatus): void {
    this.#status = status;
    this.#show();
  }

  #moved(): void {
    this.#history.note(this.#line.where);
    // A client that only shows who has the store is of use, too.
    if (this.#line.where === "leader_frozen") this.#opened.resolve();
    this.#show();
  }

  #failed(error: unknown): void {
    this.#error = failureOf(error);
    this.#history.note(`${this.#error.code}: ${this.#error.message}`);
    this.#show();
  }

  #show(): void {
    this.#watchers.tell((thrown) => {
      this.#error = failureOf(thrown);
    });
  }
}
