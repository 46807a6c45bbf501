import type { Extensions } from "@electric-sql/pglite";

import type { Verified } from "./compare.ts";
import type { Database } from "./database.ts";
import type { OnRows } from "./live.ts";
import type { Result, Statement } from "./requests.ts";
import type { ClientStatus, Debug } from "./status.ts";
import type { Subscription } from "./subscriptions.ts";

export interface ClientOptions {
  /** Of a gateway, or of what distributes connections among gateways: `https://sync.example`. */
  readonly url: string;
  /** A name, a directory, or `memory://`, `opfs-ahp://name`, `idb://name`. */
  readonly store: string;
  /** Asked before each connection, and before a token expires. */
  readonly token: () => string | Promise<string>;
  /** What this client holds; what an earlier run held beside it is given up. Left out: what the store holds. */
  readonly shapes?: readonly Subscription[];
  /**
   * Where the store cannot be opened (SY421): gives up what is in it, and makes another. Without, it is left as it is, and
   * may be tried again.
   */
  readonly reset?: boolean;
  readonly extensions?: Extensions;
  readonly WebSocket?: typeof WebSocket;
  readonly fetch?: typeof fetch;
}

/** What a page's worker is to a client: a `Worker` of the browser is one. */
export interface WorkerLike {
  postMessage(message: unknown): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: "error", listener: (event: { readonly message?: string }) => void): void;
  terminate(): void;
}

/** Of a client that shares its store with other tabs. What the page cannot hand to a worker is not here. */
export interface TabOptions extends Omit<ClientOptions, "extensions" | "WebSocket" | "fetch"> {
  /** Starts the module that calls `serveTabs()` of `ampsync/client/worker`. Called again should that worker end. */
  readonly worker: () => WorkerLike;
}

/** What one of several users of a store wants to hold. */
export interface Wanted {
  /** Null: what the store holds. */
  readonly shapes: readonly Subscription[] | null;
  /** By `subscribe`. */
  readonly subscribed: readonly Subscription[];
}

export interface Subscribed {
  readonly id: string;
  /** Resolves when its rows are here. */
  ready(): Promise<void>;
  unsubscribe(): Promise<void>;
}

/** What an application has of a store, wherever that is open. */
export interface Client {
  readonly status: ClientStatus;
  /** Called at once, and whenever something of it has changed. Returns what ends that. */
  onStatus(listener: (status: ClientStatus) => void): () => void;
  /** Resolves when everything that was asked for is here; rejects where a shape is refused. */
  ready(): Promise<void>;
  /** One statement, in a transaction of its own. What it wrote is stored when this resolves. */
  query<T = Record<string, unknown>>(sql: string, params?: readonly unknown[]): Promise<Result<T>>;
  /** Statements in one transaction: all of them are stored when this resolves, or none. */
  write(statements: readonly Statement[]): Promise<readonly Result[]>;
  /**
   * Gives the rows now, and again whenever what the query reads has changed. Resolves, after the first rows, with what ends
   * it.
   */
  live(sql: string, params: readonly unknown[], onRows: OnRows): Promise<() => void>;
  subscribe(wanted: Subscription): Promise<Subscribed>;
  /**
   * Loads a table anew: one whose frames could not be applied goes on with it. Without a connection, with the next one.
   */
  reload(table: string): Promise<void>;
  /**
   * Compares tables, all or these, with the server's, each at one position of the log; without a connection, with the next
   * one. One that differs is loaded anew, once a day; after that `status.error` says SY418. Rejects when the client is closed.
   */
  verify(tables?: readonly string[]): Promise<readonly Verified[]>;
  /**
   * Empties the client of all that came from its server, and goes on as another client: the only way on for another
   * subject (SY415). Tables of one's own stay. `discardPending`: changes that the server does not have yet are given up.
   */
  reset(options?: { readonly discardPending?: boolean }): Promise<void>;
  /** After `signed_out`: asks for a token again. */
  signIn(): void;
  /** The device is online again, or the page visible: what waits for another try does not wait any longer. */
  wake(): void;
  /** What happened last. Neither rows nor tokens. */
  debug(): Debug | Promise<Debug>;
  close(): Promise<void>;
}

/** A client whose store is open in this thread. */
export interface LocalClient extends Client {
  /** The database itself, for transactions of one's own. */
  readonly pg: Database;
  debug(): Debug;
}
