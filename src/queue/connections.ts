import type { Socket } from "node:net";

import type { WorkerEvents } from "graphile-worker";
import type pg from "pg";

import { CONNECT_MS, ownSessions } from "../db/session.ts";
import { KEEPALIVE_AFTER_MS } from "../model/limits.ts";

/** The application_name of graphile-worker's sessions. */
export const QUEUE_SESSION = "ampsync queue";

/**
 * graphile-worker makes its pool itself, and without time-outs: a connection that never opens, or whose
 * network died, would hold a slot until the system gives it up after a quarter of an hour. So the pool is set up
 * here, for the plain `graphile-worker` command too, and sockets in use are watched. The one that listens
 * waits for no answer: the system probes it.
 */
export function watchConnections(
  events: WorkerEvents,
  { answerMs, isAlone }: { readonly answerMs: number; readonly isAlone: boolean },
): void {
  const watch = (client: pg.PoolClient) =>
    void socketOf(client).setKeepAlive(true, KEEPALIVE_AFTER_MS).setTimeout(answerMs, endSilent);
  const unwatch = (client: pg.PoolClient) => void socketOf(client).setTimeout(0, endSilent);

  events.on("pool:create", ({ ctx }) => {
    const pool = poolOf(ctx);
    limitConnecting(pool);
    if (isAlone) ownSessions(pool, QUEUE_SESSION, { statement_timeout: "30s", synchronous_commit: "off" }); // Jobs only wake.
    pool.on("acquire", watch);
    pool.on("release", (_, client) => unwatch(client));
  });
  events.on("pool:listen:success", ({ client }) => unwatch(client));
  events.on("pool:listen:release", ({ client }) => watch(client)); // Its last statement has an answer.
}

type Done = (error: Error | null) => void;

/** What a pool makes and calls of a client. */
interface Connecting {
  connect(done: Done): void;
}

/**
 * New connections must open in time. As an option of the pool it would hold for waiting on a busy pool, too: then
 * somebody's lock on the queue would keep a result from being stored, which ends the worker.
 *
 * And graphile-worker must hear of those that do not: where the server says that it is starting, or no host can be
 * reached, it waits by the code of the error, silently, for three minutes at last, however soon the server is back.
 */
function limitConnecting(pool: pg.Pool): void {
  // Documented as an option of the constructor, and read whenever a connection is made.
  const made = pool as unknown as { Client: new (config: object) => Connecting };
  made.Client = class extends made.Client {
    constructor(config: object) {
      const own = Object.getOwnPropertyDescriptors(config); // A password is not enumerable.
      super(
        Object.create(null, { ...own, connectionTimeoutMillis: { value: CONNECT_MS, enumerable: true } }),
      );
    }

    override connect(done: Done): void {
      super.connect((error) => done(error && new Error(error.message, { cause: error })));
    }
  };
}

/** In the object, if not in its type. Nothing else leads to the pool. */
export function poolOf(ctx: object): pg.Pool {
  return (ctx as { readonly pgPool: pg.Pool }).pgPool;
}

function endSilent(this: Socket): void {
  this.destroy(new Error("PostgreSQL does not answer"));
}

function socketOf(client: pg.PoolClient): Socket {
  // With a connection string it is one, of TCP, TLS or a local socket.
  return client.connection.stream as Socket;
}
