import { Slots } from "./concurrency.ts";
import type { Concurrency } from "./source.ts";

/** How many requests each source may have under way, as its passes in this process have found out. */
export class SourceSlots {
  readonly #slots = new Map<bigint, Slots>();

  of(streamId: bigint, limits: Concurrency): Slots {
    const known = this.#slots.get(streamId);
    known?.limit(limits);
    const slots = known ?? new Slots(limits);
    this.#slots.set(streamId, slots);
    return slots;
  }
}
