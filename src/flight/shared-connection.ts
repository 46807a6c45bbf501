import type { Client } from "@grpc/grpc-js";

import type { Connection } from "./connection.ts";

/**
 * The connection that short calls share, made when it is needed. A call that takes too
 * long retires the connection: the next call gets a new one, and running calls go on.
 * The library itself would keep a connection whose peer accepted it and fell silent.
 */
export class SharedConnection {
  readonly #open: () => Connection;
  #current: { readonly connection: Connection; calls: number } | null = null;

  constructor(open: () => Connection) {
    this.#open = open;
  }

  /** Makes a call, which calls `retire` if it takes too long. */
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

  /** Running calls end by their own signals and time limits. */
  close(): void {
    const used = this.#current;
    this.#current = null;
    if (used?.calls === 0) used.connection.close();
  }
}
