import pg from "pg";

import type { Log } from "../log.ts";
import { type Failure, failureOf } from "../model/failure.ts";
import { KEEPALIVE_AFTER_MS } from "../model/limits.ts";
import type { Caller } from "./caller.ts";
import { CONNECT_MS, setUpSession } from "./session.ts";
import { SESSION, SessionWatch, type WatchTimes } from "./session-watch.ts";
import { endWithin } from "./socket.ts";

/** How long making a slot may wait for transactions of others; then the next job waits for them. */
const SLOT_LIMIT = "10min";
const END_MS = 1_000;

const HOLD = Object.assign(
  { text: `select h.held, s.* from (${SESSION}) s, ampsync_worker.hold_publication() h(held)` },
  { query_timeout: CONNECT_MS },
);

/**
 * Keeps publication, replica identities and slot as they shall be: one step after the other, on a connection of its
 * own, since making a slot waits for every transaction that is open in the cluster.
 */
export class PublicationKeeper {
  readonly #url: string;
  readonly #caller: Caller;
  readonly #log: Log;
  readonly #times: WatchTimes | undefined;

  constructor(url: string, caller: Caller, log: Log, times?: WatchTimes) {
    this.#url = url;
    this.#caller = caller;
    this.#log = log;
    this.#times = times;
  }

  /** Does what is to be done; resolves once nothing is left, or the signal aborts. */
  async tend(shutdown: AbortSignal): Promise<void> {
    const client = new pg.Client({
      connectionString: this.#url,
      connectionTimeoutMillis: CONNECT_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEPALIVE_AFTER_MS,
    });
    client.on("error", () => {}); // Its statements report the error.
    let failure: Failure | null = null;
    let isHeld = true;
    try {
      await client.connect();
      await setUpSession(client, "ampsync publication");
      const { rows } = await client.query(HOLD);
      isHeld = rows[0].held;
      if (isHeld) {
        using _watch = new SessionWatch(client, rows[0], this.#caller, shutdown, this.#times);
        await this.#steps(client, shutdown);
      }
    } catch (error) {
      failure = failureOf(error);
    } finally {
      await endWithin(client, END_MS);
    }
    if (!isHeld || shutdown.aborted) return; // Another job does it; the supervisor queues the next one.
    if (failure !== null) {
      this.#log.warn("publication_failed", { code: failure.code, error: failure.message });
    }
    await this.#caller.until(shutdown).call("select ampsync_worker.note_publication($1)", [failure]);
  }

  async #steps(client: pg.Client, shutdown: AbortSignal): Promise<void> {
    while (!shutdown.aborted) {
      const { rows } = await client.query("select * from ampsync_worker.tend_publication()");
      const { step, statement } = rows[0];
      if (step === null) return;
      if (statement !== null) {
        await client.query(`set statement_timeout = '${SLOT_LIMIT}'`);
        await client.query(statement);
        await client.query("set statement_timeout = 0");
      }
      this.#log.info("publication_step", { step });
    }
  }
}
