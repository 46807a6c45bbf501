import type pg from "pg";

import type { Log } from "../log.ts";
import { failureOf } from "../model/failure.ts";

const AGAIN_MS = 1_000;

export type Listener = (channel: string, payload: string) => void;

/**
 * Listens to the database on a connection of its own. One that is lost is made anew; what was said meanwhile is lost, and
 * everybody who listens looks by himself as well.
 */
export class Notices {
  readonly #pool: pg.Pool;
  readonly #listener: Listener;
  readonly #log: Log;
  #isEnding = false;
  #client: pg.PoolClient | null = null;

  constructor(pool: pg.Pool, listener: Listener, log: Log) {
    this.#pool = pool;
    this.#listener = listener;
    this.#log = log;
  }

  start(): void {
    if (this.#isEnding) return;
    this.#listen().catch((error: unknown) => {
      this.#log.debug("listening_failed", { error: failureOf(error).code });
      setTimeout(() => this.start(), AGAIN_MS).unref();
    });
  }

  stop(): void {
    this.#isEnding = true;
    this.#client?.release(true);
    this.#client = null;
  }

  async #listen(): Promise<void> {
    const client = await this.#pool.connect();
    const lost = () => {
      if (this.#client !== client) return;
      this.#client = null;
      client.release(true);
      setTimeout(() => this.start(), AGAIN_MS).unref();
    };
    client.on("error", lost);
    client.on("end", lost);
    client.on("notification", ({ channel, payload }) => this.#listener(channel, payload ?? ""));
    try {
      await client.query("listen ampsync_log; listen ampsync_gateway");
    } catch (error) {
      client.release(true);
      throw error;
    }
    if (this.#isEnding) {
      client.release(true);
      return;
    }
    this.#client = client;
    this.#listener("ampsync_log", ""); // Something may have been said before.
  }
}
