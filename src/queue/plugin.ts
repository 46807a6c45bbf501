import { setTimeout as pause } from "node:timers/promises";

import type { WorkerEvents, WorkerPool } from "graphile-worker";
import type pg from "pg";
import { isQueueAnswering } from "../db/queue-probe.ts";
import { hasOwnSession, setUpSession } from "../db/session.ts";
import { AmpsyncError } from "../errors.ts";
import { beforeMigrating, type QueueSetting } from "../install/before-migrating.ts";
import { isStandby, STANDBY } from "../install/preconditions.ts";
import { missingForWorker } from "../install/worker-guard.ts";
import type { Log } from "../log.ts";
import { failureOf, isTransient, textOf } from "../model/failure.ts";
import { poolOf, QUEUE_SESSION, watchConnections } from "./connections.ts";
import { watchEnding } from "./ending.ts";
import { type HealthTimes, watchHealth } from "./health.ts";
import { watchNotifications } from "./notifications.ts";
import { passSlots, slotsFor, watchSlots } from "./slots.ts";

const LOOK_AGAIN_MS = 1_000;
/** How often to look without a notification: one may be lost with its connection. */
const LOOK_ANYWAY_MS = 60_000;
/** Without an answer by then, what the worker ends with must do. */
const LONGEST_LOOK_MS = 2_000;

export interface PluginOptions {
  readonly databaseUrl: string;
  readonly log: Log;
  readonly answerMs: number;
  /** Only ampsync's tasks run in the sessions of graphile-worker's pool, so ampsync may configure them. */
  readonly isAlone: boolean;
  readonly health: HealthTimes;
  /** How many streams the worker takes at once, unless it has too few slots. */
  readonly streams: number;
  /** Ends the wait for `ampsync migrate`. */
  readonly signal: AbortSignal;
  /** Called before the worker looks at the database; prevents its start by throwing. May be called again. */
  readonly starting: () => Promise<void>;
  /** Called with the id of a worker and how many streams it takes when it begins, and when it has ended. */
  readonly began: (workerId: string, streams: number) => void;
  readonly ended: () => void;
  /** Called when a worker is told to stop. */
  readonly stopping: () => void;
  /** Called when the process must exit with code 1 within that time: once, and with less where its jobs have ended by then. */
  readonly exitWithin: (ms: number) => void;
}

/**
 * What graphile-worker lacks to run our tasks, as a plugin: so it applies to graphile-worker's own command, to
 * `ampsync worker`, and to presets that extend ours.
 */
export function ampsyncPlugin(options: PluginOptions): GraphileConfig.Plugin {
  const guard = beforeMigrating(async (client, queue) => {
    await options.starting();
    // The pool can be reached only after its first connection, which is this one.
    if (options.isAlone) await setUpSession(client, QUEUE_SESSION);
    await hasOwnSession(client, { connectionString: options.databaseUrl });
    await untilMigrated(client, queue, options);
  });
  const watched = new WeakSet<WorkerEvents>();
  const lastLooks: LastLooks = new WeakMap();
  return {
    name: "AmpsyncPlugin",
    worker: {
      hooks: guard.worker?.hooks ?? {},
      middleware: {
        init(next, { ctx: { events } }) {
          if (!watched.has(events)) {
            watched.add(events);
            watch(events, options, lastLooks);
          }
          return next();
        },
        async poolGracefulShutdown(next, { workerPool }) {
          await lastLooks.get(workerPool)?.();
          return next();
        },
      },
    },
  };
}

/** Waits for `ampsync migrate` if a worker is started before it, and while the server is a standby; logs that once. */
async function untilMigrated(
  client: pg.ClientBase,
  queue: QueueSetting,
  { log, signal }: PluginOptions,
): Promise<void> {
  let told: string | null = null;
  for (;;) {
    const wait = await reasonToWait(client, queue).catch((error: unknown) => {
      throw lostConnection(error);
    });
    if (wait === null) {
      if (told !== null) log.info("worker_goes_on");
      return;
    }
    if (wait.reason !== told) log.warn("worker_waiting", wait);
    told = wait.reason;
    await pause(LOOK_AGAIN_MS, undefined, { signal });
  }
}

async function reasonToWait(
  client: pg.ClientBase,
  queue: QueueSetting,
): Promise<{ readonly reason: string; readonly hint: string } | null> {
  if (await isStandby(client)) return STANDBY;
  const missing = await missingForWorker(client, queue);
  return missing === null ? null : { reason: missing, hint: "ampsync migrate" };
}

/**
 * A connection that was lost between two statements has no code. With the one of PostgreSQL for that the start is
 * tried again, as when it is lost during a statement.
 */
function lostConnection(error: unknown): unknown {
  if (!isTransient(error) || textOf(error, "code") !== null) return error;
  return Object.assign(new Error(failureOf(error).message, { cause: error }), { code: "08006" });
}

/** A failing worker first stops its passes. */
const STOP_MS = 10_000;
/** … and then closes what it has open. */
const REST_MS = 1_000;

/** What a worker that ends asks first: its queue may be gone because ampsync is. */
type LastLooks = WeakMap<WorkerPool, () => Promise<void>>;

function watch(events: WorkerEvents, options: PluginOptions, lastLooks: LastLooks): void {
  const { log, databaseUrl } = options;
  watchConnections(events, { ...options, slots: slotsFor(options.streams) });
  watchSlots(events, options.streams);
  const failed = (why: string) => {
    log.error("worker_ended", { error: why, hint: "The process exits with code 1: start it again." });
    options.exitWithin(STOP_MS);
  };
  const isTold = watchEnding(events, failed, () => options.exitWithin(REST_MS));
  events.on("pool:create", ({ ctx, workerPool }) => {
    const queue = { schema: ctx.workerSchema, known: ctx.maxMigrationNumber };
    let isEnding = false;
    function giveUp(event: string, error: unknown): void {
      const { code, message, detail, hint } = failureOf(error);
      log.error(event, { code, error: message, detail, hint });
      if (isEnding) return;
      isEnding = true;
      void Promise.resolve(workerPool.gracefulShutdown("it cannot work here")).catch(() => {});
    }
    const isAnswering = () => isQueueAnswering(databaseUrl, queue.schema, log);
    // The database is healthy, so this worker is not: a new one starts without the state that this one has kept.
    watchHealth(events, isAnswering, (error) => giveUp("worker_gets_no_jobs", error), log, options.health);
    const looks = new SchemaWatch(poolOf(ctx), queue, (error) => giveUp("worker_does_not_fit", error));
    watchNotifications(events, () => looks.look());
    lastLooks.set(workerPool, async () => {
      isEnding = true;
      if (!isTold()) await looks.lookNow();
    });
    events.on("pool:gracefulShutdown", () => {
      looks.stop();
      options.stopping();
    });
    events.on("pool:release", options.ended);
    options.began(workerPool.id, passSlots(ctx.resolvedPreset.worker.concurrentJobs, options.streams));
  });
}

/** Checks whether the schema still fits this worker: one check at a time, at most one per second. */
class SchemaWatch {
  readonly #pool: pg.Pool;
  readonly #queue: QueueSetting;
  readonly #giveUp: (error: unknown) => void;
  readonly #timer: NodeJS.Timeout;
  #isDue = false;
  #isLooking = false;
  #isStopped = false;

  constructor(pool: pg.Pool, queue: QueueSetting, giveUp: (error: unknown) => void) {
    this.#pool = pool;
    this.#queue = queue;
    this.#giveUp = giveUp;
    this.#timer = setInterval(() => this.look(), LOOK_ANYWAY_MS).unref();
  }

  look(): void {
    this.#isDue = true;
    if (!this.#isLooking) {
      void this.#run();
    }
  }

  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#timer);
  }

  async lookNow(): Promise<void> {
    const unfit = await Promise.race([this.#unfit(), pause(LONGEST_LOOK_MS, null, { ref: false })]);
    if (unfit !== null && !this.#isStopped) {
      this.stop();
      this.#giveUp(unfit);
    }
  }

  async #run(): Promise<void> {
    this.#isLooking = true;
    while (this.#isDue && !this.#isStopped) {
      this.#isDue = false;
      await this.lookNow();
      await pause(LOOK_AGAIN_MS, undefined, { ref: false });
    }
    this.#isLooking = false;
  }

  /** The error of a worker that no longer fits; null if it fits, or if the check fails: then the next one tells. */
  async #unfit(): Promise<unknown> {
    try {
      const client = await this.#pool.connect();
      try {
        const missing = await missingForWorker(client, this.#queue);
        return missing === null
          ? null
          : new AmpsyncError("SY901", "database schema and code do not match", {
              detail: missing,
              hint: "ampsync migrate",
            });
      } finally {
        client.release();
      }
    } catch (error) {
      return isTransient(error) ? null : error;
    }
  }
}
