import type { CursorFaults } from "./cursor-faults.ts";
import { Cursors, type Place } from "./cursors.ts";
import { DRESSES } from "./token-forms.ts";

/** What a token turned out to be. */
export type Reading =
  | { readonly kind: "place"; readonly place: Place }
  | { readonly kind: "unknown" }
  | { readonly kind: "expired" };

/** The tokens of the server, as its faults have them. */
export class Tokens {
  readonly #cursors: Cursors;
  readonly #faults: Readonly<CursorFaults>;
  readonly #origin: string;
  /** Where the run stands of which the server keeps the place. */
  #heldAt = 0;

  constructor(seed: number, faults: Readonly<CursorFaults>, origin: string) {
    this.#cursors = new Cursors(seed);
    this.#faults = faults;
    this.#origin = origin;
  }

  /** Where a request wants to go on. */
  read(token: string | null, now: number): Reading {
    const { firstToken, held, form, ttlMs, ttlFrom } = this.#faults;
    if (token === null || token === firstToken) {
      this.#heldAt = 0;
      return { kind: "place", place: { at: 0, empty: 0, issuedAt: now, begunAt: now } };
    }
    const cursor = DRESSES[form].take(token);
    const place = cursor === null ? null : this.#cursors.read(cursor);
    if (place === null) return { kind: "unknown" };
    const bornAt = ttlFrom === "given" ? place.issuedAt : place.begunAt;
    if (ttlMs !== null && now - bornAt >= ttlMs) return { kind: "expired" };
    return { kind: "place", place: held ? { ...place, at: this.#heldAt } : place };
  }

  /** The JSON text of the token that leads on to a place. */
  give(place: Place): string {
    if (!this.#faults.held) return DRESSES[this.#faults.form].give(this.#cursors.issue(place), this.#origin);
    this.#heldAt = place.at;
    const same = { at: 0, empty: 0, issuedAt: 0, begunAt: 0 };
    return DRESSES[this.#faults.form].give(this.#cursors.issue(same), this.#origin);
  }

  /** The JSON text of a token that was sent. */
  again(token: string): string {
    const { form } = this.#faults;
    return form === "number" || form === "array" || form === "object" ? token : JSON.stringify(token);
  }
}
