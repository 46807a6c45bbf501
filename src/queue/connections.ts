import type { Socket } from "node:net";

import type { WorkerEvents } from "graphile-worker";
import type pg from "pg";

import { limitConnecting, ownSessions } from "../db/session.ts";
import { KEEPALIVE_AFTER_MS } from "../model/limits.ts";

/** The application_name of graphile-worker's sessions. */
export const QUEUE_SESSION = "ampsync queue";

/** Of a pool as our preset sets it: one for each slot, or graphile-worker warns. A slot needs one only between two jobs. */
const MOST_CONNECTIONS = 10;

interface Watched {
  readonly answerMs: number;
  readonly isAlone: boolean;
  /** How many slots our preset asks for. */
  readonly slots: number;
}

/**
 * graphile-worker creates its pool itself, without time-outs: a connection that never opens, or whose network
 * failed, would hold a slot until the operating system gives up after a quarter of an hour. So the pool is set up
 * here, for the plain `graphile-worker` command too, and sockets in use are watched. The listening connection
 * waits for no answer: the operating system probes it.
 */
export function watchConnections(events: WorkerEvents, { answerMs, isAlone, slots }: Watched): void {
  const watch = (client: pg.PoolClient) =>
    void socketOf(client).setKeepAlive(true, KEEPALIVE_AFTER_MS).setTimeout(answerMs, endSilent);
  const unwatch = (client: pg.PoolClient) => void socketOf(client).setTimeout(0, endSilent);

  events.on("pool:create", ({ ctx }) => {
    const pool = poolOf(ctx);
    limitConnecting(pool); // Nor may a busy pool keep a result from being stored, which would end the worker.
    reportFailing(pool);
    if (pool.options.max === slots) pool.options.max = MOST_CONNECTIONS;
    if (isAlone) ownSessions(pool, QUEUE_SESSION, { statement_timeout: "30s", synchronous_commit: "off" }); // A job only wakes a worker.
    pool.on("acquire", watch);
    pool.on("release", (_, client) => unwatch(client));
  });
  events.on("pool:listen:success", ({ client }) => unwatch(client));
  events.on("pool:listen:release", ({ client }) => watch(client)); // The last statement of the connection has been answered.
}

type Done = (error: Error | null) => void;

/** The part of a client that its pool creates and calls. */
interface Connecting {
  connect(done: Done): void;
}

/**
 * graphile-worker must be told when a connection fails: if the server says that it is starting, or no host can
 * be reached, it waits silently because of the error's code, up to three minutes, however soon the server is back.
 */
function reportFailing(pool: pg.Pool): void {
  // Documented as an option of the constructor, and read each time a connection is made.
  const made = pool as unknown as { Client: new (config: object) => Connecting };
  made.Client = class extends made.Client {
    override connect(done: Done): void {
      super.connect((error) => done(error && new Error(error.message, { cause: error })));
    }
  };
}

/** The pool is in the object but not in its type. There is no other way to the pool. */
export function poolOf(ctx: object): pg.Pool {
  return (ctx as { readonly pgPool: pg.Pool }).pgPool;
}

function endSilent(this: Socket): void {
  this.destroy(new Error("PostgreSQL does not answer"));
}

function socketOf(client: pg.PoolClient): Socket {
  // With a connection string it is a socket: TCP, TLS or local.
  return client.connection.stream as Socket;
}
