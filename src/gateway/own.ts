import type { LogPage, OwnRow } from "../db/gateway-answers.ts";
import type { Op } from "../wire/ops.ts";

/** A transaction that a client sent, at its place in the log. */
export interface OwnTx {
  readonly position: bigint;
  readonly tx: string;
}

/** Of a shape's changes those that their author has already, but for some columns. */
export interface OwnOfShape {
  /** Null: the change comes as to everybody. */
  find(position: bigint, key: string): OwnMark | null;
}

/** A row is as the client sent it with this transaction, but for `set`, a JSON object. */
export interface OwnMark {
  readonly tx: string;
  readonly set: string;
}

/** The row of an `own` operation, as JSON. */
export interface OwnPart {
  readonly tx: string;
  readonly table: string;
  readonly text: string;
}

/** What a reading has of the transactions that the clients of its sessions sent. Nobody else has to do with it. */
export class OwnChanges {
  static readonly none = new OwnChanges([], []);
  readonly #entries: ReadonlyMap<string, readonly OwnTx[]>;
  readonly #sets: ReadonlyMap<string, string>;

  constructor(entries: LogPage["own"], rows: readonly OwnRow[]) {
    const all = entries.map(({ client, position, tx }) => ({ client, position: BigInt(position), tx }));
    this.#entries = Map.groupBy(all, ({ client }) => client);
    this.#sets = new Map(rows.map((row) => [nameOf(row.position, row.shape_id, row.key), row.set]));
  }

  /** Those of a client in (after, to], in order. */
  of(client: string, after: bigint, to: bigint): readonly OwnTx[] {
    const entries = this.#entries.get(client) ?? [];
    return entries.filter(({ position }) => position > after && position <= to);
  }

  /** What of a shape's changes is of these transactions. */
  ofShape(shape: number, own: readonly OwnTx[]): OwnOfShape {
    const byPosition = new Map(own.map(({ position, tx }) => [position, tx]));
    return {
      find: (position, key) => {
        const tx = byPosition.get(position);
        const set = tx === undefined ? undefined : this.#sets.get(nameOf(position, shape, key));
        return set === undefined ? null : { tx: tx!, set };
      },
    };
  }
}

/** Settles these transactions, in their order, each once. */
export function ownOps(transactions: Iterable<string>, parts: readonly OwnPart[]): Op[] {
  const byTx = Map.groupBy(parts, ({ tx }) => tx);
  return [...new Set(transactions)].map((tx): Op => {
    const rows = byTx.get(tx) ?? [];
    const tables = [...new Set(rows.map(({ table }) => table))];
    return { op: "own", tx, tables, rows: `[${rows.map(({ text }) => text).join(",")}]` };
  });
}

/** `key`: a JSON array. */
export function ownPart(table: string, key: string, { tx, set }: OwnMark): OwnPart {
  return { tx, table, text: `{"table":${JSON.stringify(table)},"key":${key},"set":${set}}` };
}

function nameOf(position: bigint, shape: number, key: string): string {
  return `${position} ${shape} ${key}`;
}
