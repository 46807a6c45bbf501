import { hash32 } from "../../sources/generated/random-words.ts";
import type { Item } from "./item.ts";
import type { Oddities } from "./oddities.ts";

/** When the first record was made; the others follow, one each second. */
const FIRST_MS = Date.UTC(2024, 0, 1);
const STEP_MS = 1000;

export interface Arrival {
  /** The records say that they were made so much earlier than the newest one. */
  readonly lateMs?: number;
  readonly oddities?: Oddities;
}

/** All records of the server, in the order of their arrival. Records come and change; none goes. */
export class Collection {
  readonly #items: Item[] = [];
  #newestMs = FIRST_MS - STEP_MS;
  #revision = 0;

  get items(): readonly Item[] {
    return this.#items;
  }

  /** Rises with every change. */
  get revision(): number {
    return this.#revision;
  }

  append(count: number, { lateMs, oddities = {} }: Arrival = {}): void {
    for (let i = 0; i < count; i++) {
      const serial = this.#items.length;
      const madeAt =
        lateMs === undefined ? this.#nextMs(serial, oddities.ties ?? 1) : this.#newestMs - lateMs;
      this.#items.push({ serial, version: 1, madeAt, changedAt: madeAt, oddities });
    }
    this.#revision += 1;
  }

  /** So many records, chosen by the seed, get a new version. */
  change(count: number, seed: number): void {
    for (let i = 0; i < count && this.#items.length > 0; i++) {
      const serial = hash32(seed, this.#revision) % this.#items.length;
      const item = this.#items[serial]!;
      this.#newestMs += STEP_MS;
      this.#items[serial] = { ...item, version: item.version + 1, changedAt: this.#newestMs };
      this.#revision += 1;
    }
  }

  #nextMs(serial: number, ties: number): number {
    if (serial % ties === 0) this.#newestMs += STEP_MS;
    return this.#newestMs;
  }
}
