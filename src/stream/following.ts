import type { DatasetHead, Follower, HeadMember } from "./dataset-head.ts";
import { Liveness } from "./liveness.ts";

/** A connection that has lasted this long stands, in milliseconds. */
const STANDS_MS = 500;

/** One stream, as long as its pass lasts: whether it stands at its head, and what the database was told of that. */
export class Following implements HeadMember, Disposable {
  readonly follower: Follower;
  readonly liveness: Liveness;
  readonly #join: (following: Following, network: string) => DatasetHead;
  #head: DatasetHead | null = null;
  /** What the database was told last; null: it may have something else stored. */
  #told: "live" | "behind" | null;
  #isTelling = false;
  #isOver = false;
  /** Since when the connection stands; null while there is none. A commit proves it at once. */
  #standsSince: number | null = null;

  constructor(follower: Follower, join: (following: Following, network: string) => DatasetHead) {
    this.follower = follower;
    this.#join = join;
    this.#told = follower.wasLive ? "live" : "behind";
    this.liveness = new Liveness(follower.checkpoint, follower.wasLive, performance.now());
    if (follower.network !== null) {
      this.#joinHead(follower.network);
    }
  }

  /** A range of blocks began to arrive. */
  received(network: string, end: bigint): void {
    if (this.#head === null) {
      this.#joinHead(network);
    }
    this.#head?.received(end);
  }

  /** The server took the query, and may send from now on. */
  connected(): void {
    this.#standsSince = performance.now();
  }

  committed(block: bigint): void {
    this.#standsSince = Number.NEGATIVE_INFINITY;
    this.liveness.committed(block, performance.now());
    this.settle();
    if (!this.liveness.isLive && this.liveness.hasArrived) {
      this.#head?.askSoon(); // It passed what was known.
    }
  }

  /** The stream reconnects: it is live when the server says that it stands at the head. */
  reconnects(): void {
    this.liveness.leave();
    this.#standsSince = null;
    this.#told = null;
    this.#head?.askSoon();
  }

  /** The state that the database has stored: after trouble that is over it may be another one than ours. */
  stored(state: string): void {
    const isWrong = this.liveness.isLive
      ? ["waiting", "backfill", "retrying"].includes(state)
      : state === "live";
    if (isWrong) {
      this.#told = null;
      this.settle();
    }
  }

  /** Tells the database what has changed. */
  settle(): void {
    const wanted = this.liveness.isLive ? "live" : "behind";
    if (this.#told === wanted || this.#isTelling || this.#isOver) {
      return;
    }
    if (wanted === "live" && !this.#stands()) {
      return; // Else the error of a server that ends each stream at once would be forgotten each time.
    }
    this.#isTelling = true;
    const tell = wanted === "live" ? this.follower.onLive : this.follower.onBehind;
    tell()
      .then(
        () => {
          this.#told = wanted;
        },
        () => {
          this.#told = null; // Told again, by the next beat at the latest.
        },
      )
      .finally(() => {
        this.#isTelling = false;
      });
  }

  #stands(): boolean {
    return this.#standsSince !== null && performance.now() - this.#standsSince >= STANDS_MS;
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#head?.dismiss(this);
    this.#head = null;
  }

  #joinHead(network: string): void {
    this.#head = this.#join(this, network);
    this.#head.welcome(this);
  }
}
