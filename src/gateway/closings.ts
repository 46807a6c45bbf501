import type { GatewayCalls } from "../db/gateway-calls.ts";
import type { Log } from "../log.ts";
import { failureOf } from "../model/failure.ts";

/** A session that is over, and where its client stood. */
export interface Closing {
  readonly client: string;
  readonly generation: string;
  readonly state: object;
}

/** Sessions that are over and whose rows may still be in the database: the heartbeat says so again until they are gone. */
export class Closings {
  readonly #left = new Set<Closing>();
  readonly #gateway: string;
  readonly #calls: GatewayCalls;
  readonly #log: Log;

  constructor(gateway: string, calls: GatewayCalls, log: Log) {
    this.#gateway = gateway;
    this.#calls = calls;
    this.#log = log;
  }

  /** For the heartbeat. */
  get left(): readonly Closing[] {
    return [...this.#left];
  }

  /** Closes a session at once; what fails is left to the heartbeat. */
  close(closing: Closing): void {
    const { client, generation, state } = closing;
    this.#calls.closeSession(this.#gateway, client, generation, state).catch((error: unknown) => {
      this.#log.debug("close_failed", { client, error: failureOf(error).code });
      this.leave(closing);
    });
  }

  /** Leaves it to the next heartbeat. */
  leave(closing: Closing): void {
    this.#left.add(closing);
  }

  /** The row of this one is gone. */
  done(closing: Closing): void {
    this.#left.delete(closing);
  }
}
