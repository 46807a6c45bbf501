import type { AdminClient } from "./admin/client.ts";
import type { IndexBuilder } from "./db/index-builder.ts";
import type { PassDeps } from "./stream/pass-deps.ts";

/** Everything the tasks of a process share. */
export interface Deps extends PassDeps {
  /** Null if the environment says that there is no Admin API. */
  readonly admin: AdminClient | null;
  readonly indexes: IndexBuilder;
  /** In seconds, for datasets without an interval of their own. */
  readonly pollIntervalS: number;
  /** How often the server is asked again about a new version before the reload counts as failed. */
  readonly reloadRetries: number;
  close(): Promise<void>;
}
