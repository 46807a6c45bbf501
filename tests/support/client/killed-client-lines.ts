import type { Step } from "../delivery/journal.ts";

export interface KilledClientSettings {
  readonly url: string;
  readonly store: string;
  readonly token: string;
  readonly shapes: readonly { readonly shape: string }[];
  /** The step at whose nth time it ends; null: it is killed from outside. */
  readonly step: string | null;
  readonly nth: number;
}

export interface TableState {
  readonly name: string;
  readonly columns: readonly string[];
  readonly phase: string;
  readonly rows: string;
  readonly sum: string;
}

/** What a store holds. */
export interface StoreState {
  readonly epoch: string | null;
  readonly position: string;
  readonly blocks: string;
  readonly phase: string;
  readonly tables: readonly TableState[];
  readonly stages: readonly {
    readonly snapshot: string;
    readonly chunks: readonly number[];
    readonly rows: number;
  }[];
  readonly steps: readonly Step[];
}
