import type { WebSocket } from "ws";

import { AmpsyncError } from "../errors.ts";
import type { Log } from "../log.ts";
import { CLOSE, decodeFromClient } from "../wire/codec.ts";
import type { FromClient, Hello } from "../wire/from-client.ts";
import type { FromGateway } from "../wire/from-gateway.ts";
import type { Token } from "./auth.ts";
import type { Checks } from "./checks.ts";
import { Line } from "./line.ts";
import type { Progress } from "./progress.ts";
import { closingOf } from "./refusal.ts";
import type { Resolver } from "./resolver.ts";
import type { Session } from "./session.ts";

/** Times are those of the protocol; tests have shorter ones. */
export interface Deadlines {
  readonly helloMs: number;
  readonly tickMs: number;
  readonly silenceMs: number;
  readonly standstillMs: number;
  readonly busyMs: number;
  readonly heartbeatMs: number;
}

export const DEADLINES: Deadlines = {
  helloMs: 10_000,
  tickMs: 10_000,
  silenceMs: 30_000,
  standstillMs: 60_000,
  busyMs: 600_000,
  heartbeatMs: 5_000,
};

/** Of a message of a client. */
const MESSAGE_BYTES = 1024 * 1024;
const AUTH_DUE_MS = 30_000;
/** A timer takes no more. */
const LONGEST_MS = 2_147_483_647;

export interface ConnectionOptions {
  readonly deadlines: Deadlines;
  readonly check: (token: string) => Promise<Token>;
  readonly open: (hello: Hello, token: Token, line: Line, connection: Connection) => Promise<Session>;
  readonly resolver: Resolver;
  readonly checks: Checks;
  /** The session takes more again. */
  readonly freed: (session: Session) => void;
  /** Told of the bytes of each frame, and for whose session it is. */
  readonly sent: (bytes: number, session: Session | null) => void;
  readonly log: Log;
}

/** One socket: what it may say when, and when it has been silent for too long. */
export class Connection {
  session: Session | null = null;
  readonly #socket: WebSocket;
  readonly #line: Line;
  readonly #options: ConnectionOptions;
  #state: "new" | "opening" | "open" | "closed" = "new";
  #heardAt = performance.now();
  #busyUntil = 0;
  readonly #late: NodeJS.Timeout;
  #due: NodeJS.Timeout | null = null;

  constructor(socket: WebSocket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#line = new Line(socket, (bytes) => options.sent(bytes, this.session));
    const { helloMs } = options.deadlines;
    this.#late = setTimeout(() => {
      if (this.isStranger) this.close(CLOSE.silence, null);
    }, helloMs);
    socket.on("message", (data, isBinary) => {
      this.#heardAt = performance.now();
      void this.#take(data as Buffer, isBinary).catch((error: unknown) => this.#refuse(error));
    });
    socket.on("pong", () => {
      this.#heardAt = performance.now();
    });
    socket.on("close", () => this.#ended());
  }

  /** It has not said who it is. */
  get isStranger(): boolean {
    return this.#state === "new";
  }

  get isClosed(): boolean {
    return this.#state === "closed";
  }

  close(code: number, message: FromGateway | null): void {
    if (this.#state === "closed") return;
    if (message !== null) this.#line.send(message);
    this.#ended();
    this.#socket.close(code);
    // Whoever does not take the goodbye is cut off.
    setTimeout(() => this.#socket.terminate(), this.#options.deadlines.helloMs).unref();
  }

  /** Called every few seconds: says how far the log is, and notices whoever is gone. */
  beat(head: string, now: string, progress: readonly Progress[] | null): void {
    const { silenceMs, standstillMs } = this.#options.deadlines;
    const time = performance.now();
    const isBusy = time < this.#busyUntil;
    const isStill = !this.#line.isIdle && time - this.#line.movedAt > standstillMs;
    if (!isBusy && (time - this.#heardAt > silenceMs || isStill)) {
      this.#ended();
      this.#socket.terminate(); // It takes nothing, a goodbye neither.
      return;
    }
    if (this.session !== null) this.#options.resolver.tell(this.session);
    this.#socket.ping();
    if (this.#state === "open" && this.#line.isFree) this.#line.send({ t: "tick", head, now, progress });
  }

  #ended(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    clearTimeout(this.#late);
    if (this.#due !== null) clearTimeout(this.#due);
    this.onEnd();
  }

  /** For whoever keeps the connections. */
  onEnd: () => void = () => {};

  #refuse(error: unknown): void {
    const { code, close, message } = closingOf(error);
    this.#options.log.debug("connection_refused", { error: code });
    this.close(close, message);
  }

  async #take(data: Buffer, isBinary: boolean): Promise<void> {
    if (this.#state === "closed") return;
    if (isBinary) throw protocol("a message is binary");
    if (data.length > MESSAGE_BYTES) throw tooLong();
    const message = decodeFromClient(data.toString());
    if (message.t === "hello") await this.#hello(message);
    else if (this.session === null) throw protocol(`${message.t} before hello was answered`);
    else await this.#said(this.session, message);
  }

  async #hello(hello: Hello): Promise<void> {
    if (this.#state !== "new") throw protocol("a second hello");
    this.#state = "opening";
    const token = await this.#options.check(hello.token);
    if (this.isClosed) return;
    this.session = await this.#options.open(hello, token, this.#line, this);
    if (this.isClosed) {
      this.onEnd(); // It left while it was let in.
      return;
    }
    this.#state = "open";
    this.#expire(token.exp);
  }

  async #said(session: Session, message: Exclude<FromClient, Hello>): Promise<void> {
    const { resolver, freed, deadlines } = this.#options;
    switch (message.t) {
      case "ack": {
        const { position, blocks } = session.sent;
        this.#busyUntil = 0;
        this.#line.acknowledge({
          position: within(BigInt(message.position), position),
          blocks: within(BigInt(message.blocks), blocks),
        });
        resolver.tell(session);
        freed(session);
        return;
      }
      case "busy":
        this.#busyUntil = performance.now() + deadlines.busyMs;
        return;
      case "auth": {
        const token = await this.#options.check(message.token);
        if (this.isClosed) return;
        if (token.sub !== session.token.sub) throw otherSubject();
        session.token = token;
        this.#expire(token.exp);
        resolver.resolve(session);
        return;
      }
      case "subscribe":
        resolver.subscribe(session, message.shapes);
        return;
      case "unsubscribe":
        resolver.unsubscribe(session, message.ids);
        return;
      case "staged":
        session.load?.staged(message.snapshot);
        return;
      case "load":
        for (const { wish, form } of session.subscriptions.values()) {
          if (form !== null && message.tables.includes(form.table)) session.reasons.set(wish.id, "asked for");
        }
        resolver.resolve(session);
        return;
      case "check":
        this.#options.checks.ask(session, message.id, message.tables);
        return;
      case "report":
        // Tables that differ are told once: a newer report does not replace them.
        session.report = { ...message, checks: [...(session.report?.checks ?? []), ...message.checks] };
        return;
    }
  }

  #expire(exp: number | null): void {
    if (this.#due !== null) clearTimeout(this.#due);
    // How long it is good was said by the clock as it was then: set back or on, it is good no longer, and no shorter.
    if (exp !== null) this.#expireAt(performance.now() + exp * 1000 - Date.now());
  }

  #expireAt(end: number): void {
    this.#due = setTimeout(
      () => {
        const left = end - performance.now();
        if (left > AUTH_DUE_MS + 1000) {
          this.#expireAt(end); // It is further away than a timer goes.
          return;
        }
        this.#line.send({ t: "auth_due", in_ms: Math.max(Math.round(left), 0) });
        this.#due = setTimeout(() => this.#refuse(expired()), Math.max(left, 0));
      },
      Math.min(Math.max(end - performance.now() - AUTH_DUE_MS, 0), LONGEST_MS),
    );
  }
}

/** What a client says that it has is at most what it was sent: the database is told of it, with that of all others. */
function within(said: bigint, sent: bigint): bigint {
  if (said > sent) return sent;
  return said < -1n ? -1n : said;
}

function protocol(what: string): AmpsyncError {
  return new AmpsyncError("SY411", what, { hint: "Use a client and a gateway of the same release." });
}

function tooLong(): AmpsyncError {
  return new AmpsyncError("SY416", `a message is longer than ${MESSAGE_BYTES} bytes`, {
    hint: "Subscribe to fewer shapes, or with shorter parameters.",
  });
}

function otherSubject(): AmpsyncError {
  return new AmpsyncError("SY415", "the new token is of another subject", {
    hint: "Connect anew with a store of that subject.",
  });
}

function expired(): AmpsyncError {
  return new AmpsyncError("SY105", "the token has expired", { hint: "Sign in again." });
}
