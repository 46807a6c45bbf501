import { hash32 } from "../../sources/generated/random-words.ts";
import type { Collection } from "./collection.ts";
import type { Item } from "./item.ts";

/** By arrival, or by the time of making or of the last change. */
export type Order = "arrival" | "made" | "changed" | "newest first" | "last changed first";

/** Only records whose value lies between the bounds are listed. */
export interface Between {
  readonly by: "made" | "changed" | "sequence";
  readonly since: number | null;
  readonly until: number | null;
  /** Instead of those that the server has for all. */
  readonly bounds?: Bounds;
}

/** Whether the bounds themselves are in it, as PostgreSQL writes ranges. */
export type Bounds = "[)" | "[]" | "(]" | "()";

export interface ListOptions {
  readonly order: Order;
  readonly between?: Between;
  readonly bounds: Bounds;
  /** Each n-th record stands in the list a second time; null: none does. */
  readonly duplicateEvery: number | null;
}

const VALUES = {
  made: ({ madeAt }: Item) => madeAt,
  changed: ({ changedAt }: Item) => changedAt,
  sequence: ({ serial }: Item) => serial + 1,
} as const;

/** Lists that are kept until a record comes or changes: a server that is measured must not make them for every page. */
const KEPT_LISTS = 100;

export class Lists {
  readonly #collection: Collection;
  readonly #kept = new Map<string, readonly Item[]>();
  /** Where each record stands in a list. */
  readonly #places = new WeakMap<readonly Item[], ReadonlyMap<number, number>>();
  #revision = -1;

  constructor(collection: Collection) {
    this.#collection = collection;
  }

  list(options: ListOptions): readonly Item[] {
    if (this.#revision !== this.#collection.revision || this.#kept.size >= KEPT_LISTS) {
      this.#kept.clear();
      this.#revision = this.#collection.revision;
    }
    const key = JSON.stringify(options);
    const list = this.#kept.get(key) ?? make(this.#collection.items, options);
    this.#kept.set(key, list);
    return list;
  }

  /** The index of a record in a list. */
  indexOf(list: readonly Item[], serial: number): number | undefined {
    const places = this.#places.get(list) ?? new Map(list.map((item, index) => [item.serial, index]));
    this.#places.set(list, places);
    return places.get(serial);
  }
}

function make(
  items: readonly Item[],
  { order, between, bounds, duplicateEvery }: ListOptions,
): readonly Item[] {
  const chosen =
    between === undefined
      ? items.slice()
      : items.filter((item) => isBetween(item, between, between.bounds ?? bounds));
  const list = sorted(chosen, order);
  return duplicateEvery === null ? list : withDuplicates(list, duplicateEvery);
}

function isBetween(item: Item, { by, since, until }: Between, bounds: Bounds): boolean {
  const value = VALUES[by](item);
  const isAbove = since === null || value > since || (value === since && bounds.startsWith("["));
  const isBelow = until === null || value < until || (value === until && bounds.endsWith("]"));
  return isAbove && isBelow;
}

function sorted(items: Item[], order: Order): readonly Item[] {
  switch (order) {
    case "arrival":
      return items;
    case "made":
    case "changed":
      return items.sort((a, b) => VALUES[order](a) - VALUES[order](b) || a.serial - b.serial);
    case "newest first":
      return sorted(items, "made").toReversed();
    case "last changed first":
      return sorted(items, "changed").toReversed();
  }
}

function withDuplicates(items: readonly Item[], every: number): readonly Item[] {
  const due = new Map<number, Item[]>();
  return items.flatMap((item, index) => {
    if ((index + 1) % every === 0) {
      const place = index + (hash32(item.serial, 0) % 100);
      due.set(place, [...(due.get(place) ?? []), item]);
    }
    return [item, ...(due.get(index) ?? [])];
  });
}
