import type { AmpServers } from "./amp-servers.ts";
import type { CaptureDeps } from "./capture/capture-pass.ts";
import type { IndexBuilder } from "./db/index-builder.ts";
import type { LogRotation } from "./db/log-rotation.ts";
import type { PublicationKeeper } from "./db/publication-keeper.ts";
import type { HttpDeps } from "./ingest/ingest-deps.ts";
import type { SnapshotMaker } from "./snapshot/snapshot-maker.ts";
import type { PassDeps } from "./stream/pass-deps.ts";

/** Everything the tasks of a process share. */
export interface Deps extends Omit<PassDeps, "flight"> {
  readonly servers: AmpServers;
  readonly http: HttpDeps;
  readonly indexes: IndexBuilder;
  readonly capture: CaptureDeps;
  readonly publication: PublicationKeeper;
  readonly rotation: LogRotation;
  readonly snapshots: SnapshotMaker;
  /** In seconds, for datasets without an interval of their own. */
  readonly pollIntervalS: number;
  /** How often the server is asked again about a new version before the reload counts as failed. */
  readonly reloadRetries: number;
  close(): Promise<void>;
}
