import type { SharedOptions, WorkerEvents, WorkerPool } from "graphile-worker";

/** Slots beside those of passes: short jobs never wait for a pass to end. */
const SHORT_JOB_SLOTS = 10;
/** The jobs of passes carry this flag (ampsync_private.schedule_stream). */
const PASS = "ampsync_pass";
/** How often a slot looks for jobs that have become due, of which nothing notifies. */
const POLL_MS = 1_000;

/** How many slots a worker needs. */
export function slotsFor(streams: number): number {
  return streams + SHORT_JOB_SLOTS;
}

/** How many passes a worker runs at once. Of few slots, half are left to short jobs; of one, none. */
export function passSlots(slots: number, streams: number): number {
  return Math.min(streams, slots - Math.min(SHORT_JOB_SLOTS, Math.floor(slots / 2)));
}

/**
 * The last slots of a worker take no passes, and one idle slot polls for all of them, instead of each for itself.
 * graphile-worker's own local queue also does that, but takes jobs for which it has no slot from other workers.
 */
export function watchSlots(events: WorkerEvents, streams: number): void {
  const polls = new Map<WorkerPool, NodeJS.Timeout>();
  events.on("pool:create", ({ ctx, workerPool }) => {
    reserve(ctx, passSlots(ctx.resolvedPreset.worker.concurrentJobs, streams));
    polls.set(
      workerPool,
      setInterval(() => workerPool.nudge(1), POLL_MS),
    );
  });
  events.on("job:start", ({ worker }) => {
    if (polls.has(worker.workerPool)) worker.workerPool.nudge(1); // More may have become due with this one.
  });
  for (const end of ["pool:gracefulShutdown", "pool:forcefulShutdown", "pool:release"] as const) {
    events.on(end, ({ workerPool }) => {
      clearInterval(polls.get(workerPool));
      polls.delete(workerPool);
    });
  }
}

type Flags = SharedOptions["forbiddenFlags"];

/** graphile-worker reads which flags a slot skips when it creates the slot. */
function reserve(ctx: object, passes: number): void {
  // In the object, but not in its type: what the caller gave as options. They may forbid flags of their own.
  const { _rawOptions: options } = ctx as { readonly _rawOptions: { readonly forbiddenFlags?: Flags } };
  const own = options.forbiddenFlags;
  let created = 0;
  Object.defineProperty(options, "forbiddenFlags", {
    configurable: true,
    get: () => (created++ < passes ? own : withPasses(own)),
  });
}

function withPasses(own: Flags): NonNullable<Flags> {
  return typeof own === "function" ? async () => [...((await own()) ?? []), PASS] : [...(own ?? []), PASS];
}
