import type { ChangeRow } from "../db/gateway-answers.ts";
import type { RowEvent } from "./fold.ts";
import type { OwnOfShape } from "./own.ts";

/** A change of a captured table, as one shape sees it. */
export type Change = Omit<ChangeRow, "shape_id">;

/**
 * What changes mean to somebody who has these instances of the shape. `own`: what is of transactions that this client sent;
 * a row that enters an instance by one is none of it.
 */
export function eventsOf(
  changes: readonly Change[],
  instances: ReadonlySet<string>,
  columns: readonly string[],
  own: OwnOfShape | null = null,
): RowEvent[] {
  const events: RowEvent[] = [];
  for (const change of changes) {
    if (change.operation === "truncate") {
      events.push({ kind: "truncate" });
      continue;
    }
    const { was, is, key, data, unchanged } = change;
    if (is !== null && instances.has(is)) {
      const isHeld = change.operation === "insert" || (was !== null && instances.has(was));
      const mark = isHeld ? own?.find(change.position, key!) : null;
      const more = mark ? { own: mark } : {};
      if (unchanged === null) events.push({ kind: "upsert", key: key!, row: data!, ...more });
      else {
        const present = columns.filter((column) => !unchanged.includes(column));
        events.push({ kind: "update", key: key!, row: data!, columns: present, ...more });
      }
    } else if (was !== null && instances.has(was)) {
      events.push({ kind: "delete", key: key! });
    }
  }
  return events;
}

/** So many instances are looked up one by one; who has more goes through all changes. */
const MOST_LOOKED_UP = 8;

/** Changes in their order, and which of them are of each instance: who has few pays for those alone. */
export class ChangesByInstance {
  readonly #all: readonly Change[];
  readonly #places = new Map<string | null, number[]>();

  constructor(all: readonly Change[]) {
    this.#all = all;
    for (const [place, { operation, was, is }] of all.entries()) {
      if (operation === "truncate") this.#add(null, place);
      if (was !== null) this.#add(was, place);
      if (is !== null && is !== was) this.#add(is, place);
    }
  }

  #add(instance: string | null, place: number): void {
    const known = this.#places.get(instance);
    if (known === undefined) this.#places.set(instance, [place]);
    else known.push(place);
  }

  /** All that these instances are in, and perhaps others. */
  of(instances: ReadonlySet<string>): readonly Change[] {
    if (instances.size > MOST_LOOKED_UP) return this.#all;
    const places = new Set(this.#places.get(null));
    for (const instance of instances) {
      for (const place of this.#places.get(instance) ?? []) places.add(place);
    }
    return [...places].sort((a, b) => a - b).map((place) => this.#all[place]!);
  }
}

/** Changes of several readings of the log, each once, in the order of the log. */
export function inOrder(readings: readonly (readonly Change[])[]): Change[] {
  const all = new Map<string, Change>();
  for (const change of readings.flat()) all.set(`${change.position} ${change.seq}`, change);
  return [...all.values()].sort((a, b) =>
    a.position === b.position ? a.seq - b.seq : a.position < b.position ? -1 : 1,
  );
}
