import type { Log } from "../log.ts";
import { type AskServer, DatasetHead, type Follower } from "./dataset-head.ts";
import { Following } from "./following.ts";

const TICK_MS = 1_000;

/**
 * Knows the heads of all datasets that this process loads. Nothing on a stream tells it: a batch query asks for
 * the newest block, once for all streams of a server, dataset version and network, every 10 s while one of them is not
 * live and every 60 s otherwise, whatever its writers wait for. Blocks that arrive meanwhile raise what is known.
 */
export class HeadWatch {
  readonly #ask: AskServer;
  readonly #log: Log;
  readonly #heads = new Map<string, DatasetHead>();
  #timer: NodeJS.Timeout | null = null;

  constructor(ask: AskServer, log: Log) {
    this.#ask = ask;
    this.#log = log;
  }

  /** Follows until the result is disposed. */
  follow(follower: Follower): Following {
    return new Following(follower, (following, network) => this.#join(following, network));
  }

  #join(following: Following, network: string): DatasetHead {
    const { address, dataset } = following.follower;
    const key = `${address ?? ""} ${dataset} ${network}`;
    let head = this.#heads.get(key);
    if (head === undefined) {
      const ask = (reference: string, signal: AbortSignal) => this.#ask(reference, signal, address);
      head = new DatasetHead(network, ask, this.#log, () => this.#leave(key));
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
