import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";

import { portTaken } from "../port-taken.ts";
import { type Answering, answerTo } from "./answering.ts";
import { type Faults, type FaultsGiven, faultsOf } from "./faults.ts";
import { RateLimit } from "./limits/rate-limit.ts";
import type { RateWindow } from "./limits/windows.ts";
import { Tokens } from "./paging/tokens.ts";
import { type Arrival, Collection } from "./records/collection.ts";
import type { Item } from "./records/item.ts";
import { Lists } from "./records/lists.ts";
import type { Oddities } from "./records/oddities.ts";
import { Rendered } from "./records/rendered.ts";
import { type LoggedRequest, logEntry, readRequest } from "./request.ts";
import type { World } from "./style.ts";
import { STYLES, type StyleName } from "./styles.ts";
import type { Trouble } from "./trouble/trouble.ts";
import { send } from "./trouble/wire.ts";

export interface ApiServerOptions {
  /** `events` unless given. */
  readonly style?: StyleName;
  /** The number of records at the start, 1,000 unless given, and what is odd about them. */
  readonly records?: number;
  readonly oddities?: Oddities;
  readonly seed?: number;
  /** The rate limit: one window or several; none unless given. */
  readonly rate?: readonly RateWindow[];
  /** 0, the default, takes any free port. */
  readonly port?: number;
  readonly faults?: FaultsGiven;
}

/** A record with the texts of its versions. */
export interface ServedRecord {
  readonly serial: number;
  /** In the order in which they were served first. */
  readonly versions: readonly string[];
}

/** A record that says it is so much older than the newest one is late. */
const LATE_MS = 3_600_000;

/** Tests are not about connections that end while nobody uses them. */
const KEEP_ALIVE_MS = 60_000;
/** How often a request that waits looks whether it may go on. */
const HELD_MS = 5;

/** A running development API server, on the loopback only. */
export class ApiServer implements AsyncDisposable {
  readonly style: StyleName;
  readonly origin: string;
  /** Where the records are. */
  readonly url: string;
  /** Set members of it at any time to make the server misbehave. */
  readonly faults: Faults;
  /** All requests so far. */
  readonly requests: LoggedRequest[] = [];
  readonly #server: Server;
  readonly #seed: number;
  readonly #collection = new Collection();
  readonly #lists = new Lists(this.#collection);
  readonly #answering: Answering;
  readonly #tokens: Tokens;
  readonly #served = new Set<Item>();
  /** Requests that the rate limit allowed. */
  #allowed = 0;

  private constructor(server: Server, options: ApiServerOptions) {
    const { style = "events", records = 1000, oddities = {}, seed = 1, rate = [], faults = {} } = options;
    // The address of a server that listens on a port is an object.
    const { port } = server.address() as AddressInfo;
    this.style = style;
    this.origin = `http://127.0.0.1:${port}`;
    this.url = `${this.origin}${STYLES[style].path}`;
    this.faults = faultsOf(faults);
    this.#server = server;
    this.#seed = seed;
    this.#collection.append(records, { oddities });
    this.#tokens = new Tokens(seed, this.faults.cursors, this.origin);
    this.#answering = {
      style: STYLES[style],
      faults: this.faults,
      rate: new RateLimit(rate, this.faults.limits),
      rendered: new Rendered((item, variant) => STYLES[style].render(item, seed, variant)),
    };
  }

  static async start(options: ApiServerOptions = {}): Promise<ApiServer> {
    const { port = 0 } = options;
    const http = createServer({ keepAliveTimeout: KEEP_ALIVE_MS });
    await new Promise<void>((resolve, reject) => {
      http.once("error", (error) => reject(portTaken(port, error)));
      http.listen(port, "127.0.0.1", resolve);
    });
    const server = new ApiServer(http, options);
    http.on("request", (request, response) => {
      // Whoever sent it has gone, or sees the connection break.
      server.#answer(request, response).catch(() => response.destroy());
    });
    return server;
  }

  /** More records come. */
  append(count: number, arrival?: Arrival): void {
    this.#collection.append(count, arrival);
  }

  /** So many records, chosen by the seed, change. */
  change(count: number): void {
    this.#collection.change(count, this.#seed);
  }

  /** Somebody else with the same key sends so many requests. */
  spend(count: number): void {
    this.#answering.rate.spend(Date.now(), count);
  }

  /** The texts of all records as they are now, in the order of their arrival. */
  records(): readonly string[] {
    return this.#collection.items.map((item) => this.#textOf(item));
  }

  /** The records of answers that were sent whole, in the order of their arrival at the server. */
  recordsServed(): readonly ServedRecord[] {
    return [...Map.groupBy(this.#served, ({ serial }) => serial)]
      .sort(([a], [b]) => a - b)
      .map(([serial, items]) => ({ serial, versions: items.map((item) => this.#textOf(item)) }));
  }

  /** Ends all connections at once. */
  async stop(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { latencyMs } = this.faults;
    if (latencyMs > 0) await wait(latencyMs / 2);
    while (this.requests.length >= this.faults.mostRequests && !response.closed) await wait(HELD_MS);
    if (response.closed) return; // Whoever asked is gone: that counts for nothing.
    const logged = logEntry(incoming, { order: this.requests.length + 1, style: this.style });
    this.requests.push(logged);
    const now = Date.now();
    const excess = this.#answering.rate.take(now);
    const trouble = excess === null ? this.#nextTrouble() : {};
    const request = await readRequest(incoming, this.origin);
    const { style } = this.#answering;
    Object.assign(logged, { body: request.body, token: style.tokenOf(request), limited: excess !== null });
    const answer = answerTo(this.#answering, request, this.#world(now, logged.order), excess, trouble);
    logged.status = answer.status;
    if (latencyMs > 0) await wait(latencyMs / 2);
    const isWhole = await send(response, answer, trouble);
    if (!isWhole) return;
    logged.records = answer.items.length;
    for (const item of answer.items) this.#served.add(item);
    if (answer.items.length > 0) this.#meanwhile();
  }

  #world(now: number, order: number): World {
    const { origin, faults } = this;
    const { bounds, duplicateEvery } = faults.pages;
    return {
      ...{ now, order, origin, faults },
      seed: this.#seed,
      tokens: this.#tokens,
      list: (order, between, places = "indexes") =>
        this.#lists.list({
          ...{ order, bounds },
          duplicateEvery: places === "indexes" ? duplicateEvery : null,
          ...(between === undefined ? {} : { between }),
        }),
      indexOf: (list, serial) => this.#lists.indexOf(list, serial),
    };
  }

  #nextTrouble(): Trouble {
    const { next, each, every } = this.faults;
    this.#allowed += 1;
    const isHit = every !== null && this.#allowed % every.n === 0;
    return { ...each, ...(isHit ? every.trouble : {}), ...next.shift() };
  }

  #meanwhile(): void {
    const { meanwhile } = this.faults.pages;
    if (meanwhile === null || meanwhile.pages === 0) return;
    const { append = 0, late = 0, change = 0, pages } = meanwhile;
    this.faults.pages.meanwhile = { ...meanwhile, pages: pages - 1 };
    this.append(append);
    this.append(late, { lateMs: LATE_MS });
    this.change(change);
  }

  #textOf(item: Item): string {
    return this.#answering.rendered.textOf(item);
  }
}
