import type { AmpsyncError } from "../errors.ts";
import { askToPersist } from "./browser-storage.ts";
import { isOfTheStore, type Reader, storeAll } from "./database.ts";
import type { Beginning, Store } from "./store.ts";
import { failureOfStore, full, unavailable } from "./store-errors.ts";
import type { Failure } from "./subscriptions.ts";
import type { Turns } from "./turns.ts";

const AGAIN_MS = 60_000;

/** About a MiB: what is free after it takes a frame as well. */
const PROBE = `
  create table ampsync_stage.probe as select md5(n::text) from generate_series(1, 16000) n;
  drop table ampsync_stage.probe`;

export interface StoreHealthParts {
  readonly store: Store;
  readonly turns: Turns;
  readonly shown: () => void;
  /** It takes frames again: where it stands is to be said anew. */
  readonly recovered: () => void;
}

/**
 * Whether the store takes what it is given. Where it does not, nothing is written: frames are left to come again, writes of
 * the application are refused, reading goes on; and it is tried again each minute.
 */
export class StoreHealth {
  readonly #parts: StoreHealthParts;
  #trouble: AmpsyncError | null = null;
  #isClosed = false;
  #isEnded = false;
  #hasAsked = false;
  #trying: Promise<void> | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(parts: StoreHealthParts) {
    this.#parts = parts;
  }

  get isWell(): boolean {
    return this.#trouble === null;
  }

  get status(): Beginning | "storage_full" | "store_unavailable" {
    if (this.#isClosed) return "store_unavailable";
    return this.#trouble === null ? this.#parts.store.beginning : "storage_full";
  }

  get failure(): Failure | null {
    return this.#trouble === null ? null : failureOfStore(this.#trouble);
  }

  /** It did not take what it was given. */
  failed(error: unknown): void {
    if (this.#isEnded || this.#trouble !== null) return;
    this.#trouble = full(error);
    this.#parts.store.holdWrites(true);
    this.#parts.shown();
    void this.#parts.turns.take(() => this.#reopen()).finally(() => this.#again());
  }

  /** Not later, but now. */
  wake(): void {
    if (this.#trouble !== null) void this.#try();
  }

  /**
   * The last turn. What comes after it finds a database that is closed: that is no fault of the store, which others may
   * hold by then. What a store in trouble does not take is not missed: it is as it was, and says so.
   */
  async close(storeAll: () => Promise<void>): Promise<void> {
    const { pg } = this.#parts.store;
    this.#isEnded = true;
    clearTimeout(this.#timer);
    if (this.#trouble === null) return storeAll().finally(() => pg.close());
    await storeAll().catch(() => {});
    await pg.close().catch(() => {});
  }

  /** At the begin of a transaction of the application's: with a store in trouble it may read. */
  async begin(tx: Reader): Promise<void> {
    if (this.#trouble !== null) await tx.exec("set transaction read only");
  }

  /** Something of the application's is in the store, and of nobody else: it is worth keeping. */
  wrote(): void {
    if (this.#hasAsked) return;
    this.#hasAsked = true;
    askToPersist().catch(() => {});
  }

  /** A step that may write, and its error as its caller is to have it. */
  async guard<T>(step: () => Promise<T>): Promise<T> {
    try {
      return await step();
    } catch (error) {
      throw this.#errorOf(error);
    }
  }

  #errorOf(error: unknown): unknown {
    const isRefused = this.#trouble !== null && (error as { code?: unknown }).code === "25006";
    if (isRefused) return this.#trouble;
    if (this.#isEnded || !isOfTheStore(error)) return error;
    this.failed(error);
    return this.#trouble;
  }

  #again(): void {
    clearTimeout(this.#timer);
    if (this.#isEnded) return;
    this.#timer = setTimeout(() => void this.#try(), AGAIN_MS);
  }

  async #try(): Promise<void> {
    if (this.#isEnded) return;
    this.#trying ??= this.#parts.turns
      .take(() => this.#probe())
      .finally(() => {
        this.#trying = null;
      });
    return this.#trying;
  }

  async #probe(): Promise<void> {
    const { store, shown, recovered } = this.#parts;
    if (this.#isEnded) return;
    try {
      if (this.#isClosed) await this.#reopen();
      await store.pg.transaction((tx) => tx.exec(PROBE));
      await storeAll(store.pg);
      this.#trouble = null;
      store.holdWrites(false);
      clearTimeout(this.#timer);
      shown();
      recovered();
    } catch {
      // As it was; what broke in the try is undone.
      await this.#reopen();
      this.#again();
    }
  }

  /**
   * Opened again only where the database does not answer any more, or holds what it cannot store: without space that may
   * fail, and then nothing can be read. Of IndexedDB what is in memory is all there is to read (ADR 28): opened again only
   * where even that is not answered.
   */
  async #reopen(): Promise<void> {
    const { store, shown } = this.#parts;
    if (this.#isEnded || store.kind === "memory" || (await this.#answers())) return;
    try {
      await store.reopen();
      this.#isClosed = false;
    } catch (error) {
      this.#isClosed = true;
      this.#trouble = unavailable(store.kind, error);
    }
    shown();
  }

  async #answers(): Promise<boolean> {
    const { pg, kind } = this.#parts.store;
    try {
      await pg.transaction((tx) => tx.query("select from ampsync.state"));
      if (kind !== "idb") await storeAll(pg);
      return true;
    } catch {
      return false;
    }
  }
}
