import type { Frame } from "../wire/from-gateway.ts";

/** What a gateway last said of the log, and when that was by the client's monotonic clock. */
interface Told {
  readonly head: bigint;
  readonly now: number;
  readonly heardAt: number;
}

/** How far a client is behind its server. The client's own idea of the time plays no part in it. */
export class Lag {
  readonly #monotonic: () => number;
  #told: Told | null = null;
  #newest: number | null = null;

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
  }

  /** From `welcome` and `tick`; `now` is the server's time. */
  told(head: string, now: string): void {
    this.#told = { head: BigInt(head), now: Date.parse(now), heardAt: this.#monotonic() };
  }

  applied(frame: Frame): void {
    this.#newest = Date.parse(frame.at);
  }

  disconnected(): void {
    this.#told = null;
    this.#newest = null;
  }

  /** Null: not known, as without a connection. */
  ms(position: bigint, blocks: bigint): number | null {
    if (this.#told === null) return null;
    if (position >= this.#told.head && blocks >= this.#told.head) return 0;
    if (this.#newest === null) return null;
    return Math.max(0, Math.round(this.#told.now + this.#monotonic() - this.#told.heardAt - this.#newest));
  }
}
