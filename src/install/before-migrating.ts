import type pg from "pg";

/** The queue that graphile-worker is about to upgrade to its own revision. */
export interface QueueSetting {
  readonly schema: string;
  /** The newest revision that this graphile-worker has. */
  readonly known: number;
}

/**
 * graphile-worker installs and upgrades its schema at every start, whoever starts it. `check` runs before anything
 * is changed, and prevents the change by throwing.
 */
export function beforeMigrating(
  check: (client: pg.ClientBase, queue: QueueSetting) => Promise<void>,
): GraphileConfig.Plugin {
  const hook = (
    ctx: { readonly workerSchema: string; readonly maxMigrationNumber: number },
    { client }: { readonly client: pg.ClientBase },
  ) => check(client, { schema: ctx.workerSchema, known: ctx.maxMigrationNumber });
  return { name: "AmpsyncQueueGuard", worker: { hooks: { prebootstrap: hook, premigrate: hook } } };
}
