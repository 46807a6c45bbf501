import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";

import type { WorkerEvents } from "graphile-worker";
import type pg from "pg";

import { type Config, configFromProcess, requireDatabase } from "./config.ts";
import { KEEPALIVE_AFTER_MS } from "./model/limits.ts";

const ROOT = new URL("../", import.meta.url);
/** graphile-worker's own statements take milliseconds. */
const ANSWER_MS = 60_000;

/**
 * The preset of graphile-worker for our tasks, for its own CLI (see
 * graphile.config.mjs) and for `ampsync worker` alike.
 */
export function workerPreset(config: Config = configFromProcess(), answerMs = ANSWER_MS) {
  return {
    worker: {
      connectionString: requireDatabase(config),
      taskDirectory: fileURLToPath(new URL("dist/tasks", ROOT)),
      crontabFile: fileURLToPath(new URL("crontab", ROOT)),
      // A live stream keeps its slot; with more streams than slots they take turns.
      concurrentJobs: 10,
      maxPoolSize: 10,
      // Jobs that are due later are found by polling: this bounds how late a takeover or a retry starts.
      pollInterval: 1000,
      // A pass can be given up at any time, so it is told at once that the worker stops.
      gracefulShutdownAbortTimeout: 20,
      // Without these two, graphile-worker 0.18 ends its pool before the last results are stored,
      // and those jobs run again four hours later.
      completeJobBatchDelay: 0,
      failJobBatchDelay: 0,
      events: watchConnections(answerMs),
    },
  };
}

/**
 * graphile-worker makes its pool itself, and without time-outs: a connection whose network died would hold a
 * slot until the system gives it up after a quarter of an hour. So sockets in use are watched here, for the
 * plain `graphile-worker` command too. The one that listens waits for no answer: the system probes it.
 */
function watchConnections(answerMs: number): WorkerEvents {
  const events: WorkerEvents = new EventEmitter();
  const watch = (client: pg.PoolClient) =>
    void socketOf(client).setKeepAlive(true, KEEPALIVE_AFTER_MS).setTimeout(answerMs, endSilent);
  const unwatch = (client: pg.PoolClient) => void socketOf(client).setTimeout(0, endSilent);

  events.on("pool:create", ({ ctx }) => {
    // In the object, if not in its type. Nothing else leads to the pool.
    const { pgPool } = ctx as typeof ctx & { readonly pgPool: pg.Pool };
    pgPool.on("acquire", watch);
    pgPool.on("release", (_, client) => unwatch(client));
  });
  events.on("pool:listen:success", ({ client }) => unwatch(client));
  events.on("pool:listen:release", ({ client }) => watch(client)); // Its last statement has an answer.
  return events;
}

function endSilent(this: Socket): void {
  this.destroy(new Error("PostgreSQL does not answer"));
}

function socketOf(client: pg.PoolClient): Socket {
  // With a connection string it is one, of TCP, TLS or a local socket.
  return client.connection.stream as Socket;
}
