import type { Log } from "../log.ts";
import { HEAD_ASK_PAUSE_MS, HEAD_FORGOTTEN_MS, HEAD_POLL_LIVE_MS, HEAD_POLL_MS } from "../model/limits.ts";
import type { Liveness } from "./liveness.ts";

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

/** The same, of the server at an address; null: the process's own. */
export type AskServer = (
  reference: string,
  signal: AbortSignal,
  address: string | null,
) => Promise<HeadAnswer>;

/** A stream that wants to know where its head is, and whether it stands there. */
export interface Follower {
  /** Where its server is; null: where that of the process is. */
  readonly address: string | null;
  /** Dataset and version; with the network they make one head. */
  readonly dataset: string;
  readonly tableName: string;
  /** Its own table, and the table of blocks that the dataset may have, in the SQL of the server. */
  readonly reference: string;
  readonly blocksReference: string;
  /** Null while nothing was ever received. */
  readonly network: string | null;
  /** Last block committed before; null where there is none. */
  readonly checkpoint: bigint | null;
  readonly wasLive: boolean;
  /** Called with null where the head is not known any more. */
  readonly onHead: (head: KnownHead | null) => void;
  /** Called where the head lies below the checkpoint of the time it was asked for. True: so the stream is not live. */
  readonly onBelow: (head: bigint) => Promise<boolean>;
  readonly onLive: () => Promise<void>;
  readonly onBehind: () => Promise<void>;
}

/** One of the streams that share a head. */
export interface HeadMember {
  readonly follower: Follower;
  readonly liveness: Liveness;
  /** Tells the database what has changed. */
  settle(): void;
}

/** Tables that have a row for each block. */
const BLOCK_TABLES: ReadonlySet<string> = new Set(["blocks", "block_headers"]);
const ANSWER_MS = 30_000;

/** The head of one dataset version on one network. */
export class DatasetHead {
  readonly members = new Set<HeadMember>();
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

  welcome(member: HeadMember): void {
    if (this.#block !== null) {
      member.follower.onHead({ block: this.#block, network: this.#network });
      member.liveness.received(this.#block, performance.now());
    }
    this.askSoon();
  }

  dismiss(member: HeadMember): void {
    this.members.delete(member);
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

  /** Asks at once, but with a pause after the last question. */
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

  /** `isLowest`: the head may be above this block. A table without a row for each block tells no more. */
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
    before: ReadonlyMap<HeadMember, bigint | null>,
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

  async #isBelow({ follower }: HeadMember, head: bigint): Promise<boolean> {
    try {
      return await follower.onBelow(head);
    } catch (error) {
      this.#log.debug("head_below_unknown", {
        error: error instanceof Error ? error.message : String(error),
      });
      return false;
    }
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : null;
}
