import type { Opened } from "../db/gateway-answers.ts";
import type { GatewayCalls } from "../db/gateway-calls.ts";
import { AmpsyncError } from "../errors.ts";
import { Permits } from "../model/permits.ts";
import { CLOSE } from "../wire/codec.ts";
import type { Hello } from "../wire/from-client.ts";
import type { Token } from "./auth.ts";
import type { Clients } from "./clients.ts";
import type { Closings } from "./closings.ts";
import type { Connection } from "./connection.ts";
import { Connects } from "./connects.ts";
import type { DefinitionsCache } from "./definitions.ts";
import type { Line } from "./line.ts";
import type { Pump } from "./pump.ts";
import type { Rates } from "./rates.ts";
import { Elsewhere } from "./refusal.ts";
import type { Resolver } from "./resolver.ts";
import { answerOf, Session } from "./session.ts";
import type { GatewaySettings } from "./settings.ts";
import { asked, isOver } from "./subscription.ts";

export interface AdmissionOptions {
  readonly gateway: string;
  readonly settings: GatewaySettings;
  readonly calls: GatewayCalls;
  readonly definitions: DefinitionsCache;
  readonly resolver: Resolver;
  readonly rates: Rates;
  readonly clients: Clients;
  readonly closings: Closings;
  readonly pump: Pump;
}

/** Connections of the pool that openings leave to those who are in. */
const LEFT = 2;
const NEVER = new AbortController().signal;

/** Lets clients in that say hello: opens their session in the database, and welcomes them. */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #connects = new Connects();
  /** When all clients of another gateway come at once they stand in line here, and those who are in are served meanwhile. */
  readonly #openings: Permits;
  #opening = 0;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.#openings = new Permits(Math.max(1, options.settings.poolSize - LEFT));
  }

  /** Clients are being let in. */
  get isOpening(): boolean {
    return this.#opening > 0;
  }

  /** Throws what the client is refused with. */
  async open(hello: Hello, token: Token, line: Line, connection: Connection): Promise<Session> {
    await this.#check(token, hello.client);
    this.#opening += 1;
    try {
      return await this.#open(hello, token, line, connection);
    } finally {
      this.#opening -= 1;
    }
  }

  async #open(hello: Hello, token: Token, line: Line, connection: Connection): Promise<Session> {
    const { definitions, rates, resolver, clients, closings, pump } = this.#options;
    const { opened, news } = await this.#opened(hello, token, connection);
    const session = new Session({
      client: hello.client,
      line,
      generation: opened.generation,
      epoch: opened.epoch,
      token,
      stamps: { stamp: hello.stamp, blocksStamp: hello.blocks_stamp },
      schema: hello.schema,
      awaiting: hello.awaiting,
      lastSeq: opened.last_seq,
      passed: opened.passed,
      standing: { position: BigInt(hello.position ?? "0"), blocks: BigInt(hello.blocks ?? "0") },
      close: (code, message) => connection.close(code, message),
    });
    session.rates = rates;
    try {
      await resolver.know(opened.definitions);
    } catch (error) {
      const { client, generation } = session;
      closings.close({ client, generation, state: { client, generation } });
      throw error;
    }
    clients.enter(hello.client, connection, opened)?.close(CLOSE.replaced, null);
    session.subscriptions = new Map(hello.shapes.map((wish) => [wish.id, asked(wish)]));
    resolver.apply(session, opened.shapes, false);
    line.send({
      t: "welcome",
      session: session.id,
      epoch: opened.epoch,
      head: opened.head,
      now: opened.now,
      schema: opened.schema,
      last_seq: opened.last_seq,
      unknown: opened.unknown,
      shapes: opened.shapes.map(answerOf),
      tables: resolver.tables(session),
    });
    if (hasAll(session, opened)) {
      session.isCaughtUp = true;
      session.news = news;
    }
    pump.sessions.add(session);
    if (definitions.version !== opened.definitions) resolver.resolve(session);
    pump.wake();
    return session;
  }

  async #opened({ token: _, ...hello }: Hello, token: Token, connection: Connection) {
    const { gateway, calls, pump } = this.#options;
    using _permit = await this.#openings.take(NEVER);
    if (connection.isClosed)
      throw new AmpsyncError("SY104", "the client has left", { hint: "Connect again." });
    const { news } = pump;
    return { news, opened: await calls.openSession(gateway, hello.client, token, hello) };
  }

  async #check(token: Token, client: string): Promise<void> {
    const { pump, settings, calls } = this.#options;
    const { maxClients, tenants } = settings;
    this.#connects.count(token.sub, client, performance.now());
    if (pump.sessions.size + this.#opening >= maxClients) {
      throw new AmpsyncError("SY416", `this gateway has its ${maxClients} clients`, {
        hint: "Start another gateway.",
      });
    }
    if (tenants !== null && !tenants.includes(token.tenant ?? "")) {
      throw new Elsewhere("this gateway is for other tenants", await calls.gatewaysOf(token.tenant));
    }
  }
}

/** Whoever stands at the head with all its tables, and none too many, waits for what comes: nothing is to be read for it. */
function hasAll({ phase, served, subscriptions, passed }: Session, { head }: Opened): boolean {
  const isThere = served.position === BigInt(head) && served.blocks === BigInt(head);
  return isThere && passed.length === 0 && phase === "live" && ![...subscriptions.values()].some(isOver);
}
