import type { Client, ClientOptions, LocalClient, TabOptions } from "./api.ts";
import { Tab } from "./tabs/tab.ts";

export type { Client, ClientOptions, LocalClient, Subscribed, TabOptions } from "./api.ts";
export type { Verified } from "./compare.ts";
export type { Result, Statement } from "./requests.ts";

/**
 * Opens the store, which needs no connection, and begins to follow. With `worker`, the store is open in one worker of all
 * tabs that name it; without, and with `memory://`, in this thread.
 */
export function createClient(options: ClientOptions): Promise<LocalClient>;
export function createClient(options: TabOptions): Promise<Client>;
export async function createClient(options: ClientOptions | TabOptions): Promise<Client> {
  if ("worker" in options && !options.store.startsWith("memory://")) return Tab.open(options);
  // Not loaded by pages that have a worker for it.
  const { openEngine } = await import("./open.ts");
  return openEngine(options);
}
