import { lookup } from "node:dns";
import { createRequire } from "node:module";
import { isIP, type LookupFunction } from "node:net";
import { setImmediate as turn } from "node:timers/promises";

import type { Agent } from "undici";

import type { AmpsyncError } from "../errors.ts";
import type { HttpRequest } from "./answer.ts";
import { ACCEPTED_ENCODINGS } from "./decompress.ts";
import { Exchange, type ExchangeOptions, type Outcome } from "./exchange.ts";

const CONNECT_MS = 5_000;
const HEADER_BYTES = 16 * 1024;

export interface HttpClientOptions {
  /** The largest body, on the wire and after decompression. */
  readonly maxBytes: number;
  /** Why a request to this origin must not go to this address; null: it may. */
  readonly refuses: (origin: URL, address: string) => AmpsyncError | null;
  readonly userAgent: string;
}

/**
 * Sends requests of HTTP sources, over connections that it keeps. What a name stands for is checked when the connection
 * is made, so nothing can point it elsewhere in between. Follows no redirect, retries nothing, hears no proxy of the
 * environment.
 */
export class HttpClient {
  readonly #options: HttpClientOptions;
  /** Null before the first request: loading it takes as long as a sixth of the start of a worker, and most need none. */
  #agent: Agent | null = null;
  /** Requests under way, by origin. */
  readonly #exchanges = new Map<string, Set<Exchange>>();

  constructor(options: HttpClientOptions) {
    this.#options = options;
  }

  /** How many connections to an origin stand and have nothing to do. */
  idle({ origin }: URL): number {
    const { connected } = this.#agent?.stats[origin] ?? { connected: 0 };
    return Math.max(0, Number(connected) - this.#count(origin, ({ state }) => state === "sent"));
  }

  /** How many connections to an origin there are, with those that are being opened. */
  connections(url: URL): number {
    return Number(this.#agent?.stats[url.origin]?.connected ?? 0) + this.opening(url);
  }

  /** How many requests to an origin wait for a connection that is being opened. */
  opening({ origin }: URL): number {
    return this.#count(origin, ({ state }) => state === "waiting");
  }

  /** Rejects only where the signal gives the request up. */
  async send(request: HttpRequest, options: Omit<ExchangeOptions, "maxBytes">): Promise<Outcome> {
    const { url, method, headers, body } = request;
    const { maxBytes, userAgent } = this.#options;
    options.signal.throwIfAborted();
    const refused = this.#refusesLiteral(url);
    if (refused !== null) {
      return { kind: "failure", error: refused, isWritten: false };
    }
    const exchange = new Exchange(request, { ...options, maxBytes });
    const { origin } = url;
    const exchanges = this.#exchanges.get(origin) ?? new Set();
    this.#exchanges.set(origin, exchanges.add(exchange));
    try {
      this.#agent ??= this.#createAgent();
      this.#agent.dispatch(
        {
          origin,
          path: url.pathname + url.search,
          method,
          body,
          headers: {
            "user-agent": userAgent,
            accept: "application/json",
            "accept-encoding": ACCEPTED_ENCODINGS,
            ...headers,
          },
        },
        exchange,
      );
      const outcome = await exchange.outcome();
      await turn(); // By then its connection can be given the next request.
      return outcome;
    } finally {
      exchanges.delete(exchange);
      if (exchanges.size === 0) this.#exchanges.delete(origin);
    }
  }

  /** Ends every request and closes every connection. */
  async close(): Promise<void> {
    await this.#agent?.destroy(new Error("the worker stops"));
  }

  #createAgent(): Agent {
    const { Agent, Pool } = createRequire(import.meta.url)("undici") as typeof import("undici");
    return new Agent({
      allowH2: false, // Its one connection would take what a limit counts in one burst.
      maxHeaderSize: HEADER_BYTES,
      headersTimeout: 0, // An exchange has its own time limits, to the millisecond.
      bodyTimeout: 0,
      factory: (origin, given) =>
        new Pool(origin, {
          ...given,
          connect: {
            timeout: CONNECT_MS,
            lookup: this.#checkedLookup(new URL(origin)),
            rejectUnauthorized: true, // Whatever NODE_TLS_REJECT_UNAUTHORIZED says: a secret goes to nobody else.
          },
        }),
    });
  }

  #count(origin: string, isMeant: (exchange: Exchange) => boolean): number {
    return [...(this.#exchanges.get(origin) ?? [])].filter(isMeant).length;
  }

  /** An address in the place of a name is looked up by nobody. */
  #refusesLiteral(url: URL): AmpsyncError | null {
    const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
    return isIP(host) === 0 ? null : this.#options.refuses(url, host);
  }

  #checkedLookup(origin: URL): LookupFunction {
    return (hostname, { all, ...options }, callback) => {
      lookup(hostname, { ...options, all: true }, (error, found) => {
        if (error !== null) {
          callback(error, []);
          return;
        }
        const refusals = found.map(({ address }) => this.#options.refuses(origin, address));
        const allowed = found.filter((_, index) => refusals[index] === null);
        const [first] = allowed;
        if (first === undefined) {
          callback(refusals[0] ?? new Error(`${hostname} has no address`), []);
        } else if (all === true) {
          callback(null, allowed);
        } else {
          callback(null, first.address, first.family);
        }
      });
    };
  }
}
