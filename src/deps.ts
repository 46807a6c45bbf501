import type { AmpServers } from "./amp-servers.ts";
import type { IndexBuilder } from "./db/index-builder.ts";
import type { PassDeps } from "./stream/pass-deps.ts";

/** Everything the tasks of a process share. */
export interface Deps extends Omit<PassDeps, "flight"> {
  readonly servers: AmpServers;
  readonly indexes: IndexBuilder;
  /** In seconds, for datasets without an interval of their own. */
  readonly pollIntervalS: number;
  /** How often the server is asked again about a new version before the reload counts as failed. */
  readonly reloadRetries: number;
  close(): Promise<void>;
}
