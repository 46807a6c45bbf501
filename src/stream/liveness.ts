/** A stream this close to the head is live, however fast the chain grows. */
const CLOSE_BLOCKS = 10n;
/** One that commits each head so soon after it was known is live too: a chain may be faster than that. */
const SOON_MS = 2_000;
/** A live stream that did neither for this long is not live any more. */
const LOST_MS = 10_000;

/**
 * Whether a stream stands at the head. Only an answer of the server about its head makes it live, never what the
 * stream was sent: a backfill passes the last known head, too. Times are those of performance.now().
 */
export class Liveness {
  #isLive: boolean;
  #block: bigint | null;
  #head: bigint | null = null;
  /** When the stream was last close to the head. */
  #closeAt: number;
  /** The head that is to be committed soon. */
  #aim: { readonly block: bigint; readonly at: number; readonly isAnswer: boolean } | null = null;

  /** `wasLive`: a new pass of a live stream has some time to show that it still is. */
  constructor(block: bigint | null, wasLive: boolean, now: number) {
    this.#block = block;
    this.#isLive = wasLive;
    this.#closeAt = now;
  }

  get isLive(): boolean {
    return this.#isLive;
  }

  get block(): bigint | null {
    return this.#block;
  }

  /** Whether the stream has come as far as the head that is known, so that it pays to ask for a newer one. */
  get hasArrived(): boolean {
    return this.#block !== null && this.#head !== null && this.#head - this.#block <= CLOSE_BLOCKS;
  }

  /** The server said what its head is. */
  answered(head: bigint, now: number): void {
    this.#head = head;
    this.#aim = { block: head, at: now, isAnswer: true };
    this.#reach(now);
    if (this.hasArrived) {
      this.#enter(now);
    }
  }

  /** The server sent a block, to this stream or another one of the dataset. */
  received(block: bigint, now: number): void {
    if (this.#head === null || block > this.#head) {
      this.#head = block;
      if (this.#aim === null || now - this.#aim.at > SOON_MS) {
        this.#aim = { block, at: now, isAnswer: false };
      }
    }
  }

  committed(block: bigint, now: number): void {
    this.#block = block;
    this.#reach(now);
    this.look(now);
  }

  /** The stream reconnects, or stands on a block that the server does not hold. */
  leave(): void {
    this.#isLive = false;
  }

  /** To be called regularly: no event tells that a stream falls behind. */
  look(now: number): void {
    if (this.#isLive && this.hasArrived) {
      this.#closeAt = now;
    }
    if (now - this.#closeAt >= LOST_MS) {
      this.#isLive = false;
    }
  }

  /** The head is not known any more. */
  forget(): void {
    this.#head = null;
    this.#aim = null;
  }

  #reach(now: number): void {
    if (this.#aim === null || this.#block === null || this.#block < this.#aim.block) {
      return;
    }
    const { at, isAnswer } = this.#aim;
    this.#aim = null;
    if (now - at <= SOON_MS && (isAnswer || this.#isLive)) {
      this.#enter(now);
    }
  }

  #enter(now: number): void {
    this.#isLive = true;
    this.#closeAt = now;
  }
}
