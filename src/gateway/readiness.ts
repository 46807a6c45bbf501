import type pg from "pg";

import { missingForGateway } from "../db/gateway-fit.ts";
import { AmpsyncError } from "../errors.ts";
import { unlessAborted } from "../model/unless-aborted.ts";

const ANSWER_MS = 2_000;
/** Many monitors cost the database as much as one. */
const KNOWN_MS = 1_000;

interface Options {
  /** One whose connections wait for no client. */
  readonly pool: pg.Pool;
  readonly version: string;
  readonly isDraining: () => boolean;
  readonly isFull: () => boolean;
}

/** Whether this gateway takes clients, for load balancers. */
export class Readiness {
  readonly #options: Options;
  #known: { readonly reason: Promise<string | null>; readonly at: number } | null = null;

  constructor(options: Options) {
    this.#options = options;
  }

  /** Why not; null: it does. */
  async reason(): Promise<string | null> {
    if (this.#options.isDraining()) return "the gateway stops";
    if (this.#options.isFull()) return "the gateway is full";
    const now = performance.now();
    if (this.#known === null || now - this.#known.at > KNOWN_MS) {
      this.#known = { reason: this.#ask(), at: now };
    }
    return await this.#known.reason;
  }

  /** Throws SY901 where the database lacks what this gateway calls. */
  async check(): Promise<void> {
    const { pool, version } = this.#options;
    const missing = await missingForGateway(pool, version, ANSWER_MS);
    if (missing !== null) {
      throw new AmpsyncError("SY901", "the database lacks what this gateway needs", {
        detail: `Of the database: ${missing}.`,
        hint: "ampsync migrate, and: grant ampsync_gateway to <its role>;",
      });
    }
  }

  async #ask(): Promise<string | null> {
    const { pool, version } = this.#options;
    const asked = missingForGateway(pool, version, ANSWER_MS);
    return await unlessAborted(asked, AbortSignal.timeout(ANSWER_MS)).then(
      (missing) => (missing === null ? null : "the database lacks what this gateway needs: ampsync migrate"),
      () => "the database does not answer",
    );
  }
}
