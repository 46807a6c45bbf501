import xxhash from "xxhash-wasm";

import type { ClientOptions } from "./api.ts";
import { Engine } from "./engine.ts";
import { openStore } from "./store.ts";

/** Opens the store, which needs no connection, and begins to follow. */
export async function openEngine(options: ClientOptions): Promise<Engine> {
  const { h64Raw } = await xxhash();
  const { protocol } = new URL(options.url);
  if (!/^(?:http|ws)s?:$/.test(protocol))
    throw new Error(`a gateway is reached by https or wss, not ${protocol}`);
  const store = await openStore(options.store, options.extensions, options.reset);
  try {
    const engine = new Engine(options, store, (bytes) => h64Raw(bytes));
    await engine.begin();
    return engine;
  } catch (error) {
    await store.pg.close().finally(store.release);
    throw error;
  }
}
