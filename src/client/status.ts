import { AmpsyncError, type ErrorCode } from "../errors.ts";
import type { Link } from "./machine.ts";
import type { Phase } from "./standing.ts";
import type { Beginning, StoreKind } from "./store.ts";
import type { Failure, SubscriptionState } from "./subscriptions.ts";

export interface StoreStatus {
  readonly kind: StoreKind;
  readonly bytes: string;
  /**
   * `storage_full`: it takes nothing, and is tried again each minute; `store_unavailable`: it cannot be read either.
   * `store_lost`, `store_upgraded`: what was in it was not there, or of another PostgreSQL, and it was made anew.
   */
  readonly status: Beginning | "storage_full" | "store_unavailable";
  /** Whether the browser has promised to keep it; null: it does not say. */
  readonly persisted: boolean | null;
  /** Bytes of all that this origin has, and may have, as the browser estimates them; null: it does not say. */
  readonly usage: string | null;
  readonly quota: string | null;
}

/**
 * How far a load is. `preparing`: what the server has read of it, in rows, or filled of its table, in blocks;
 * `fetching`: rows that are here, in the stage.
 */
export interface Progress {
  readonly step: "preparing" | "fetching";
  readonly done: string;
  /** Null: nobody knows; of what the server reads, about so many. */
  readonly of: string | null;
}

export interface ClientStatus {
  /** `live`: everything that was asked for is here, and follows. Old rows can be read in each phase. */
  readonly phase: Phase;
  /** A gateway has welcomed this client, and said what becomes of its shapes. */
  readonly connected: boolean;
  readonly connection: Link;
  readonly position: string;
  /** Null while not connected; 0: nothing newer is known. */
  readonly lagMs: number | null;
  /** Changes that were made here and are not on the server. */
  readonly pending: number;
  readonly shapes: readonly (Pick<
    SubscriptionState,
    "id" | "shape" | "params" | "table" | "phase" | "error"
  > & {
    /** Why it is loaded, as its gateway says: "new", "too large"; null: it is not, or no gateway has said so. */
    readonly reason: string | null;
    /** Null: nothing is loading, or nothing is known of it. */
    readonly progress: Progress | null;
  })[];
  readonly store: StoreStatus;
  readonly error: Failure | null;
  /**
   * Where the store is open: in this thread or its tab's worker, in another tab's, in none yet; or in one that has not
   * answered for 15 s.
   */
  readonly leader: "here" | "elsewhere" | "opening" | "leader_frozen";
}

/** One change of state, for whoever asks later what happened. Neither rows nor tokens. */
export interface Happening {
  readonly at: string;
  readonly what: string;
}

export interface Debug {
  readonly status: ClientStatus;
  /** The address of the gateway that was tried last: the application's, or one that a gateway has sent this client to. */
  readonly gateway: string;
  /** The last 100 changes of state, the oldest first. */
  readonly history: readonly Happening[];
}

const KEPT = 100;

/** The last changes of state. */
export class History {
  #last: Happening[] = [];

  note(what: string): void {
    if (this.#last.at(-1)?.what === what) return;
    this.#last = [...this.#last, { at: new Date().toISOString(), what }].slice(-KEPT);
  }

  all(): readonly Happening[] {
    return this.#last;
  }
}

/** An error as it is shown: one of a database, of a gateway, or of this program. */
export function failureOf(error: unknown): Failure {
  const { code, message, hint } = error as { code?: unknown; message?: unknown; hint?: unknown };
  return {
    code: typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) ? code : "SY903",
    message: typeof message === "string" ? message : String(error),
    hint: typeof hint === "string" ? hint : null,
  };
}

export function errorOf({ code, message, hint }: Failure): AmpsyncError {
  // The gateway's code: of the same table.
  return new AmpsyncError(code as ErrorCode, message, hint === null ? {} : { hint });
}
