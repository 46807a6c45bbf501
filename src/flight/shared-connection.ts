import type { Client } from "@grpc/grpc-js";

import type { Connection } from "./connection.ts";

/**
 * The connection that short calls share, made when one is needed. A call that is
 * late retires it: the next call gets a new one, and those that are under way go on.
 * The library itself keeps a connection whose peer accepted it and fell silent.
 */
export class SharedConnection {
  readonly #open: () => Connection;
  #current: { readonly connection: Connection; calls: number } | null = null;

  constructor(open: () => Connection) {
    this.#open = open;
  }

  /** Makes a call; it calls `retire` if it is late. */
  async use<T>(call: (client: Client, retire: () => void) => Promise<T>): Promise<T> {
    this.#current ??= { connection: this.#open(), calls: 0 };
    const used = this.#current;
    used.calls += 1;
    try {
      return await call(used.connection.client, () => {
        if (this.#current === used) this.#current = null;
      });
    } finally {
      used.calls -= 1;
      if (used.calls === 0 && this.#current !== used) used.connection.close();
    }
  }

  /** Calls that are under way end by their own signals and times. */
  close(): void {
    const used = this.#current;
    this.#current = null;
    if (used?.calls === 0) used.connection.close();
  }
}
