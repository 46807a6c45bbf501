import type { Log } from "../log.ts";
import { HEAD_ASK_PAUSE_MS, HEAD_FORGOTTEN_MS, HEAD_POLL_LIVE_MS, HEAD_POLL_MS } from "../model/limits.ts";
import { Liveness } from "./liveness.ts";

/** Highest block of a table, and the network of its blocks where the server tells it. */
export interface HeadAnswer {
  readonly block: bigint | null;
  readonly network: string | null;
}

/** Asks for the highest block of a table, given as its SQL reference. */
export type AskHead = (reference: string, signal: AbortSignal) => Promise<HeadAnswer>;

/** The last block that the server is known to hold. */
export interface KnownHead {
  readonly block: bigint;
  readonly network: string;
}

/** A stream that wants to know where its head is, and whether it stands there. */
export interface Follower {
  /** Dataset and version; with the network they make one head. */
  readonly dataset: string;
  readonly tableName: string;
  /** Of its own table, and of the table of blocks that the dataset may have. */
  readonly reference: string;
  readonly blocksReference: string;
  /** Null while nothing was ever received. */
  readonly network: string | null;
  /** Last block committed before; null where there is none. */
  readonly checkpoint: bigint | null;
  readonly wasLive: boolean;
  /** Null: unknown, or not any more. */
  readonly onHead: (head: KnownHead | null) => void;
  /** The head lies below what was committed when it was asked for. True: the stream is not live because of that. */
  readonly onBelow: (head: bigint) => Promise<boolean>;
  readonly onLive: () => Promise<void>;
  readonly onBehind: () => Promise<void>;
}

/** Tables that have a row for each block. */
const BLOCK_TABLES: ReadonlySet<string> = new Set(["blocks", "block_headers"]);
const TICK_MS = 1_000;
const ANSWER_MS = 30_000;
/** A connection that was not ended for so long stands. */
const STANDS_MS = 500;

/**
 * Knows the heads of all datasets that this process loads. Nothing on a stream tells it: a batch query asks for
 * the newest block, once for all streams of a dataset version and network, every 10 s while one of them is not
 * live and every 60 s else, whatever its writers wait for. Blocks that arrive meanwhile raise what is known.
 */
export class HeadWatch {
  readonly #ask: AskHead;
  readonly #log: Log;
  readonly #heads = new Map<string, Head>();
  #timer: NodeJS.Timeout | null = null;

  constructor(ask: AskHead, log: Log) {
    this.#ask = ask;
    this.#log = log;
  }

  /** Follows until the result is disposed. */
  follow(follower: Follower): Following {
    return new Following(follower, (following, network) => this.#join(following, network));
  }

  #join(following: Following, network: string): Head {
    const key = `${following.follower.dataset} ${network}`;
    let head = this.#heads.get(key);
    if (head === undefined) {
      head = new Head(network, this.#ask, this.#log, () => this.#leave(key));
      this.#heads.set(key, head);
    }
    head.members.add(following);
    if (this.#timer === null) {
      this.#timer = setInterval(() => this.#tick(), TICK_MS);
      this.#timer.unref(); // An idle process may end.
    }
    return head;
  }

  #leave(key: string): void {
    this.#heads.delete(key);
    if (this.#heads.size === 0) {
      clearInterval(this.#timer ?? undefined);
      this.#timer = null;
    }
  }

  #tick(): void {
    for (const head of this.#heads.values()) {
      head.tick();
    }
  }
}

/** One stream, as long as its pass lasts. */
export class Following implements Disposable {
  readonly follower: Follower;
  readonly liveness: Liveness;
  readonly #join: (following: Following, network: string) => Head;
  #head: Head | null = null;
  /** What the database was told last; null: it may say something else. */
  #told: "live" | "behind" | null;
  #isTelling = false;
  #isOver = false;
  /** Since when the connection stands; null while there is none. A commit proves it at once. */
  #standsSince: number | null = null;

  constructor(follower: Follower, join: (following: Following, network: string) => Head) {
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

  /** What the database says of the stream; something else than us after trouble that is over. */
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
      return; // A server that ends each stream at once is no reason to forget that it did.
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

/** The head of one dataset version on one network. */
class Head {
  readonly members = new Set<Following>();
  readonly #network: string;
  readonly #ask: AskHead;
  readonly #log: Log;
  readonly #onEmpty: () => void;
  readonly #over = new AbortController();
  #block: bigint | null = null;
  #knownAt = Number.NEGATIVE_INFINITY;
  #askedAt = Number.NEGATIVE_INFINITY;
  /** Highest block that arrived since the question under way was asked. */
  #arrived: bigint | null = null;
  #isAsking = false;
  #mustAskAgain = false;
  #soon: NodeJS.Timeout | null = null;
  /** The server was asked for a table of blocks, and has none for this network. */
  #hasNoBlocks = false;

  constructor(network: string, ask: AskHead, log: Log, onEmpty: () => void) {
    this.#network = network;
    this.#ask = ask;
    this.#log = log;
    this.#onEmpty = onEmpty;
  }

  welcome(following: Following): void {
    if (this.#block !== null) {
      following.follower.onHead({ block: this.#block, network: this.#network });
      following.liveness.received(this.#block, performance.now());
    }
    this.askSoon();
  }

  dismiss(following: Following): void {
    this.members.delete(following);
    if (this.members.size === 0) {
      this.#over.abort();
      clearTimeout(this.#soon ?? undefined);
      this.#onEmpty();
    }
  }

  received(block: bigint): void {
    const now = performance.now();
    this.#knownAt = now;
    if (this.#arrived === null || block > this.#arrived) {
      this.#arrived = block;
    }
    if (this.#block !== null && block > this.#block) {
      this.#block = block;
      for (const { follower, liveness } of this.members) {
        liveness.received(block, now);
        follower.onHead({ block, network: this.#network });
      }
    }
  }

  tick(): void {
    const now = performance.now();
    if (this.#block !== null && now - this.#knownAt >= HEAD_FORGOTTEN_MS) {
      this.#block = null;
      for (const { follower, liveness } of this.members) {
        liveness.forget();
        follower.onHead(null);
      }
    }
    let areLive = true;
    for (const member of this.members) {
      member.liveness.look(now);
      member.settle();
      areLive &&= member.liveness.isLive;
    }
    if (now - this.#askedAt >= (areLive ? HEAD_POLL_LIVE_MS : HEAD_POLL_MS)) {
      this.askSoon();
    }
  }

  /** At once, but not without a pause between two questions. */
  askSoon(): void {
    if (this.#isAsking) {
      this.#mustAskAgain = true;
    } else if (this.#soon === null) {
      const pause = Math.max(0, this.#askedAt + HEAD_ASK_PAUSE_MS - performance.now());
      this.#soon = setTimeout(() => {
        this.#soon = null;
        void this.#seek();
      }, pause);
    }
  }

  async #seek(): Promise<void> {
    this.#isAsking = true;
    this.#mustAskAgain = false;
    this.#askedAt = performance.now();
    this.#arrived = null;
    const before = new Map([...this.members].map((each) => [each, each.liveness.block]));
    try {
      const { block, isLowest } = await this.#highest();
      if (block !== null && !this.#over.signal.aborted) {
        await this.#answered(block, isLowest, before);
      }
    } catch (error) {
      if (!this.#over.signal.aborted) {
        this.#log.debug("head_unknown", { error: error instanceof Error ? error.message : String(error) });
      }
    } finally {
      this.#isAsking = false;
    }
    if (this.#mustAskAgain && !this.#over.signal.aborted) {
      this.askSoon();
    }
  }

  /** `isLowest`: the head is not below it, but may be above. A table without a row for each block tells no more. */
  async #highest(): Promise<{ readonly block: bigint | null; readonly isLowest: boolean }> {
    const signal = AbortSignal.any([this.#over.signal, AbortSignal.timeout(ANSWER_MS)]);
    const [first] = this.members;
    if (first === undefined) {
      return { block: null, isLowest: true };
    }
    const blocks = [...this.members].find(({ follower }) => BLOCK_TABLES.has(follower.tableName));
    if (blocks !== undefined) {
      const { block } = await this.#ask(blocks.follower.reference, signal);
      return { block, isLowest: false };
    }
    if (!this.#hasNoBlocks) {
      const answer = await this.#ask(first.follower.blocksReference, signal).catch((error: unknown) => {
        if (codeOf(error) !== "SY103") throw error;
        return null;
      });
      if (answer !== null && answer.network === this.#network) {
        return { block: answer.block, isLowest: false };
      }
      this.#hasNoBlocks = true;
    }
    const { block } = await this.#ask(first.follower.reference, signal);
    return { block, isLowest: true };
  }

  async #answered(
    answer: bigint,
    isLowest: boolean,
    before: ReadonlyMap<Following, bigint | null>,
  ): Promise<void> {
    const now = performance.now();
    const others = [this.#arrived, ...(isLowest ? [this.#block, ...before.values()] : [])];
    const block = others.reduce<bigint>((most, each) => (each !== null && each > most ? each : most), answer);
    this.#block = block;
    this.#knownAt = now;
    for (const member of [...this.members]) {
      member.follower.onHead({ block, network: this.#network });
      const held = before.get(member) ?? null;
      const isBelow = held !== null && block < held && (await this.#isBelow(member, block));
      if (isBelow) {
        member.liveness.leave();
      } else {
        member.liveness.answered(block, now);
        member.settle();
      }
    }
  }

  async #isBelow({ follower }: Following, head: bigint): Promise<boolean> {
    try {
      return await follower.onBelow(head);
    } catch (error) {
      this.#log.debug("head_below", { error: error instanceof Error ? error.message : String(error) });
      return false;
    }
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : null;
}
