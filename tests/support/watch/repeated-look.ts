import { setTimeout as pause } from "node:timers/promises";

import type pg from "pg";

import type { TestDatabase } from "../postgres/postgres.ts";

/** Readers leave the processors to those whom they watch. */
const PAUSE_MS = 50;

/** Resolves to what was seen that may change in time, such as the version of a dataset. Rejects what may never be seen. */
export type Look = (client: pg.Client) => Promise<string>;

/** A reader who looks at the same things again and again, over a connection of its own, until the first fault. */
export class RepeatedLook {
  readonly #reading: Promise<void>;
  readonly #seen: string[] = [];
  #isStopped = false;

  private constructor(client: pg.Client, look: Look) {
    this.#reading = this.#read(client, look);
    this.#reading.catch(() => {}); // Seen by whoever stops it.
  }

  static async start(db: TestDatabase, look: Look): Promise<RepeatedLook> {
    return new RepeatedLook(await db.client(), look);
  }

  /** Resolves to what was seen, one after the other, once it is over; rejects with its first fault. */
  async stop(): Promise<readonly string[]> {
    this.#isStopped = true;
    await this.#reading;
    return this.#seen;
  }

  async #read(client: pg.Client, look: Look): Promise<void> {
    while (!this.#isStopped) {
      const sight = await look(client);
      if (this.#seen.at(-1) !== sight) this.#seen.push(sight);
      await pause(PAUSE_MS);
    }
  }
}
