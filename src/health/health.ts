import type { Server } from "node:http";

import type { Registry } from "prom-client";

import { HealthReads } from "../db/health-reads.ts";
import type { Log } from "../log.ts";
import { DatabaseMetrics } from "../metrics/database-metrics.ts";
import { watchProcess } from "../metrics/registry.ts";
import { type Beating, Readiness } from "./readiness.ts";
import { close, type HttpAnswer, listen, text } from "./server.ts";
import { within } from "./within.ts";

export interface HealthOptions {
  readonly databaseUrl: string;
  readonly host: string;
  readonly port: number;
  readonly registry: Registry;
  readonly log: Log;
}

/** A monitor waits for an answer this long … */
const ANSWER_MS = 2_000;
/** … and hears what was true this long ago: many monitors cost the database as much as one. */
const CACHE_MS = 1_000;

/**
 * What monitors ask a worker: `/healthz`, whether its event loop turns; `/readyz`, whether the tables move as they
 * should; `/metrics`. Its connections to the database are closed while nobody asks.
 */
export class Health {
  readonly registry: Registry;
  readonly #readiness: Readiness;
  readonly #known: DatabaseMetrics;
  readonly #reads: HealthReads;
  /** What all who scrape now will get. */
  #scrape: Promise<HttpAnswer> | null = null;
  #server: Server | null = null;

  private constructor({ databaseUrl, registry, log }: HealthOptions) {
    this.registry = registry;
    this.#reads = new HealthReads(databaseUrl, ANSWER_MS, log);
    this.#readiness = new Readiness({
      read: () => this.#reads.readiness(),
      log,
      cacheMs: CACHE_MS,
      answerMs: ANSWER_MS,
    });
    this.#known = new DatabaseMetrics(registry);
  }

  /** Throws SY902 where the port cannot be opened. */
  static async start(options: HealthOptions): Promise<Health> {
    const health = new Health(options);
    const { host, port, log, registry } = options;
    try {
      const pages = {
        "/healthz": async () => text(200, "alive"),
        "/readyz": () => health.#ready(),
        "/metrics": () => health.#scraped(),
      };
      health.#server = await listen(host, port, pages, log);
    } catch (error) {
      await health.#reads.close();
      throw error;
    }
    watchProcess(registry);
    log.info("health_listening", { host, port });
    return health;
  }

  /** The worker takes jobs. */
  began(heartbeat: Beating): void {
    this.#readiness.began(heartbeat);
  }

  /** From now on it is not ready, so that nobody counts on it. */
  stopping(): void {
    this.#readiness.stopping();
  }

  async close(): Promise<void> {
    if (this.#server !== null) await close(this.#server);
    await this.#reads.close();
  }

  async #ready(): Promise<HttpAnswer> {
    const answer = await this.#readiness.look();
    const body = `${JSON.stringify(answer, null, 1)}\n`;
    return { status: answer.ready ? 200 : 503, type: "application/json; charset=utf-8", body };
  }

  #scraped(): Promise<HttpAnswer> {
    this.#scrape ??= this.#metrics().finally(() => {
      this.#scrape = null;
    });
    return this.#scrape;
  }

  async #metrics(): Promise<HttpAnswer> {
    this.#known.replace(await within(ANSWER_MS, this.#reads.metrics()).catch(() => null));
    return { status: 200, type: this.registry.contentType, body: await this.registry.metrics() };
  }
}
