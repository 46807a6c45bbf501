import { AmpsyncError } from "../errors.ts";

export const DEFAULT_QUEUE = "graphile_worker";

/** The schema of a queue that our `migrate` took for ours or shared with its owner. */
export interface Queue {
  readonly schema: string;
  /** We made it: its migrations are ours to run. */
  readonly isOurs: boolean;
}

/** What is installed in the schema of a queue. */
export interface QueueRevision {
  readonly newest: number;
  /** 0: none of them breaks older programs. */
  readonly newestBreaking: number;
}

/**
 * Refuses a queue which this program's graphile-worker would upgrade, or does not understand, although it is
 * another application's: graphile-worker migrates at each start, and from then on refuses to work for programs with
 * older ones. Sharing it at one version does no harm. `known`: the newest revision that this program has.
 */
export function refuseQueue(queue: Queue, revision: QueueRevision, known: number): AmpsyncError | null {
  const { schema, isOurs } = queue;
  const { newest, newestBreaking } = revision;
  const found = `Its schema is at revision ${newest}, this program's graphile-worker at ${known}`;
  if (isOurs) {
    return newestBreaking <= known
      ? null
      : new AmpsyncError("SY901", `the queue ${schema} is too new for this version of ampsync`, {
          detail: `${found}: a newer release of ampsync, or another application, upgraded it.`,
          hint: `Install that release of ampsync, or use a queue of its own: GRAPHILE_WORKER_SCHEMA=${ownQueue(schema)}`,
        });
  }
  return newest === known
    ? null
    : new AmpsyncError("SY901", `the queue ${schema} belongs to another application`, {
        detail: `${found}: ${newest < known ? "upgrading it could stop the workers of that application" : "that application upgraded it"}.`,
        hint: `GRAPHILE_WORKER_SCHEMA=${ownQueue(schema)}`,
      });
}

/** Refuses a worker whose jobs would never come. */
export function refuseSetting(setting: string, recorded: string): AmpsyncError | null {
  return setting === recorded
    ? null
    : new AmpsyncError(
        "SY902",
        `the queue is in schema ${recorded}, but this worker looks for it in ${setting}`,
        {
          detail: `The last ampsync migrate used ${recorded}; the worker takes the schema from GRAPHILE_WORKER_SCHEMA.`,
          hint: `GRAPHILE_WORKER_SCHEMA=${recorded}`,
        },
      );
}

function ownQueue(taken: string): string {
  return taken === "ampsync_queue" ? "ampsync_queue_2" : "ampsync_queue";
}
