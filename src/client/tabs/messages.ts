import type { Wanted } from "../api.ts";
import type { Verified } from "../compare.ts";
import type { Rows } from "../live.ts";
import type { Result, Statement } from "../requests.ts";
import type { ClientStatus, Debug } from "../status.ts";
import type { Subscription } from "../subscriptions.ts";
import type { Packed } from "./packed-error.ts";

/** What a tab asks of the leader: the name of a call, what it takes, and what it gives. */
export interface Calls {
  /** The first thing that a tab says to a leader. */
  readonly join: { takes: Wanted; gives: ClientStatus };
  readonly write: { takes: readonly Statement[]; gives: readonly Result[] };
  readonly live: { takes: Watched; gives: Rows };
  readonly unlive: { takes: string; gives: null };
  readonly subscribe: { takes: Subscription; gives: { readonly id: string; readonly status: ClientStatus } };
  readonly unsubscribe: { takes: string; gives: null };
  readonly reload: { takes: string; gives: null };
  readonly verify: { takes: readonly string[] | null; gives: readonly Verified[] };
  readonly reset: { takes: { readonly discardPending?: boolean }; gives: null };
  readonly sign_in: { takes: null; gives: null };
  readonly rest: { takes: null; gives: null };
  readonly wake: { takes: null; gives: null };
  readonly debug: { takes: null; gives: Debug };
}

/** A live query, with the id that its tab has given it. */
export interface Watched {
  readonly live: string;
  readonly sql: string;
  readonly params: readonly unknown[];
}

export type CallName = keyof Calls;
export type Call = {
  [N in CallName]: { readonly name: N; readonly takes: Calls[N]["takes"] };
}[CallName];

/** On the channel that all tabs of a store hear. */
export type Common =
  | { readonly t: "hello"; readonly tab: string }
  | { readonly t: "opening" }
  | { readonly t: "leader"; readonly generation: number }
  | { readonly t: "status"; readonly generation: number; readonly status: ClientStatus };

/** On the channel of one tab, to the leader. */
export type FromTab =
  | { readonly t: "ask"; readonly generation: number; readonly id: string; readonly call: Call }
  | { readonly t: "shown"; readonly live: string }
  | { readonly t: "ping" }
  | { readonly t: "token"; readonly n: number; readonly token: string }
  | { readonly t: "no_token"; readonly n: number; readonly error: Packed };

/** On the channel of one tab, from the leader. */
export type ToTab =
  /** `leader` is the tab whose worker leads; it knows nothing yet of one that is new to it. */
  | {
      readonly t: "welcome";
      readonly generation: number;
      readonly leader: string;
      readonly isNew: boolean;
    }
  | { readonly t: "answer"; readonly id: string; readonly value: unknown }
  | { readonly t: "refused"; readonly id: string; readonly error: Packed }
  | { readonly t: "rows"; readonly live: string; readonly rows: Rows }
  | { readonly t: "token"; readonly n: number }
  | { readonly t: "pong" };

/** From a page to its own worker, and back. */
export type ToWorker =
  | { readonly t: "begin"; readonly place: Place }
  /** A leader has taken the tab in: there is a store that can be opened. */
  | { readonly t: "joined" }
  | { readonly t: "stop" };
export type FromWorker =
  | { readonly t: "begun" }
  | { readonly t: "unavailable"; readonly error: Packed }
  | { readonly t: "stopped" };

/** Which store, for which tab. */
export interface Place {
  readonly store: string;
  readonly url: string;
  /** Of a store that cannot be opened: for one opening, and none after the tab has had a leader. */
  readonly reset?: boolean;
  readonly tab: string;
  /** The name of the lock that says that this worker lives. */
  readonly alive: string;
}

export const leaderLock = (store: string): string => `ampsync:${store}`;
export const tabLock = (store: string, tab: string): string => `ampsync:${store}:tab:${tab}`;
export const commonChannel = (store: string): string => `ampsync:${store}`;
export const tabChannel = (store: string, tab: string): string => `ampsync:${store}:${tab}`;
