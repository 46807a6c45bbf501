import { AmpsyncError } from "../errors.ts";

export const DEFAULT_QUEUE = "graphile_worker";

/** A queue that `ampsync migrate` created, or shares with its owner. */
export interface Queue {
  readonly schema: string;
  /** We created the queue, so we run its migrations. */
  readonly isOurs: boolean;
}

/** What is installed in the schema of a queue. */
export interface QueueRevision {
  readonly newest: number;
  /** 0 if no revision breaks older programs. */
  readonly newestBreaking: number;
}

/**
 * Refuses the queue of another application if this program's graphile-worker would upgrade it or does not know its
 * revision: graphile-worker migrates its schema at each start, and after that refuses to work for programs with
 * older versions. Sharing a queue at the same revision does no harm. `known`: the newest revision of this program.
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
          hint: `Install that release of ampsync, or give ampsync a queue of its own: GRAPHILE_WORKER_SCHEMA=${ownQueue(schema)}`,
        });
  }
  return newest === known
    ? null
    : new AmpsyncError("SY901", `the queue ${schema} belongs to another application`, {
        detail: `${found}: ${newest < known ? "upgrading it could stop the workers of that application" : "that application upgraded it"}.`,
        hint: `GRAPHILE_WORKER_SCHEMA=${ownQueue(schema)}`,
      });
}

/** Refuses a worker that looks for its jobs in the wrong schema. */
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

/** A name for a queue of ours where that one is somebody else's. */
export function ownQueue(taken: string): string {
  return taken === "ampsync_queue" ? "ampsync_queue_2" : "ampsync_queue";
}
