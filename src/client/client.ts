import xxhash from "xxhash-wasm";

import type { ClientOptions, LocalClient } from "./api.ts";
import { Engine } from "./engine.ts";
import { openStore } from "./store.ts";

export type { Client, ClientOptions, LocalClient, Subscribed } from "./api.ts";
export type { Verified } from "./compare.ts";

/** Opens the store, which needs no connection, and begins to follow. */
export async function createClient(options: ClientOptions): Promise<LocalClient> {
  const { h64Raw } = await xxhash();
  const { protocol } = new URL(options.url);
  if (!/^(?:http|ws)s?:$/.test(protocol))
    throw new Error(`a gateway is reached by https or wss, not ${protocol}`);
  const store = await openStore(options.store, options.extensions);
  try {
    const engine = new Engine(options, store, (bytes) => h64Raw(bytes));
    await engine.begin();
    return engine;
  } catch (error) {
    await store.pg.close().finally(store.release);
    throw error;
  }
}
