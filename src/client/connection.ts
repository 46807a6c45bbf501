import { decodeFromGateway, encode, SUBPROTOCOL } from "../wire/codec.ts";
import type { FromClient } from "../wire/from-client.ts";
import type { FromGateway } from "../wire/from-gateway.ts";
import { Addresses } from "./addresses.ts";
import { type Action, decide, type Event, type Link, type Connection as State, start } from "./machine.ts";
import { Silence } from "./silence.ts";

const TOKEN_WITHIN_MS = 30_000;
/** Where a timer may run. */
const WITH_TIMER: readonly Link[] = ["waiting", "cloned", "displaced"];

export interface Surroundings {
  readonly now: () => number;
  readonly random: () => number;
  readonly WebSocket: typeof WebSocket;
}

export interface Hooks {
  /** Asked before each connection, and when one is about to expire. */
  readonly token: () => Promise<string>;
  readonly hello: (token: string) => Promise<FromClient>;
  /** A message of the present connection. `isCurrent` is false once that connection is no more. */
  readonly take: (message: FromGateway, isCurrent: () => boolean) => void;
  readonly changed: (link: Link) => void;
  readonly newClientId: () => Promise<void>;
  readonly failed: (error: unknown) => void;
  /** A gateway is tried that is not the one before it. */
  readonly triedAt: (address: string) => void;
}

/** Carries out what the machine decides: tokens, sockets, timers. It decides nothing itself. */
export class Connection {
  readonly #addresses: Addresses;
  readonly #around: Surroundings;
  readonly #hooks: Hooks;
  readonly #silence = new Silence(() => this.tell({ kind: "silence" }));
  #state: State = start;
  /** Rises with each try: what an earlier one still says is not heard. */
  #try = 0;
  #token = "";
  #socket: WebSocket | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #closed = new AbortController();

  constructor(url: string, hooks: Hooks, around: Surroundings) {
    this.#addresses = new Addresses(url);
    this.#hooks = hooks;
    this.#around = around;
  }

  get link(): Link {
    return this.#state.link;
  }

  /** That of the newest hello or `auth`: chunks are asked for with it. */
  get token(): string {
    return this.#token;
  }

  /** Of the gateway that was tried last: chunks are fetched there. */
  get address(): string {
    return this.#addresses.now;
  }

  tell(event: Event): void {
    const before = this.#state.link;
    const { now, random } = this.#around;
    const { next, actions } = decide(this.#state, event, { now: now(), random: random() });
    this.#state = next;
    if (!WITH_TIMER.includes(next.link)) clearTimeout(this.#timer);
    if (next.link === "closed") this.#closed.abort(new Error("the client is closed"));
    for (const action of actions) this.#do(action);
    if (next.link !== before) this.#hooks.changed(next.link);
  }

  /** False: nobody listens, and nothing is said. What counts is said again in the next hello. */
  send(message: FromClient): boolean {
    if (this.#state.link !== "open" || this.#socket === null) return false;
    this.#socket.send(encode(message));
    return true;
  }

  async #renewToken(): Promise<void> {
    const at = this.#try;
    try {
      const token = await this.#askToken();
      if (at !== this.#try) return;
      this.#token = token;
      this.send({ t: "auth", token });
    } catch (error) {
      if (at !== this.#try || this.link === "closed") return;
      // The gateway closes when the old one has expired: then it is asked for again.
      this.#hooks.failed(error);
    }
  }

  #do(action: Action): void {
    switch (action.do) {
      case "wait":
        this.#timer = setTimeout(() => this.tell({ kind: "timer" }), action.ms);
        break;
      case "ask_token":
        this.#begin();
        break;
      case "connect":
        this.#connect();
        break;
      case "hello":
        this.#sayHello();
        break;
      case "leave":
        this.#leave(action.code, action.reason);
        break;
      case "new_client_id":
        this.#hooks.newClientId().then(
          () => this.tell({ kind: "renamed" }),
          (error) => {
            this.#hooks.failed(error);
            this.tell({ kind: "not_renamed" });
          },
        );
        break;
    }
  }

  #begin(): void {
    const at = ++this.#try;
    this.#askToken().then(
      (token) => {
        if (at !== this.#try) return;
        this.#token = token;
        this.tell({ kind: "token" });
      },
      (error) => {
        if (at !== this.#try || this.link === "closed") return;
        this.#hooks.failed(error);
        this.tell({ kind: "no_token" });
      },
    );
  }

  async #askToken(): Promise<string> {
    const { promise, reject } = Promise.withResolvers<never>();
    const late = setTimeout(() => reject(new Error("token() did not answer within 30 s")), TOKEN_WITHIN_MS);
    const { signal } = this.#closed;
    const closed = () => reject(signal.reason);
    signal.addEventListener("abort", closed);
    try {
      return await Promise.race([this.#hooks.token(), promise]);
    } finally {
      clearTimeout(late);
      signal.removeEventListener("abort", closed);
    }
  }

  #connect(): void {
    const at = this.#try;
    const isCurrent = () => at === this.#try;
    let socket: WebSocket;
    const before = this.address;
    const address = this.#addresses.next();
    if (address !== before) this.#hooks.triedAt(address);
    try {
      const url = `${address.replace(/^http/i, "ws")}/v1/sync`;
      socket = new this.#around.WebSocket(url, SUBPROTOCOL);
    } catch (error) {
      // A browser refuses some addresses, such as one without TLS in a page with it.
      this.#hooks.failed(error);
      this.tell({ kind: "lost", code: 1006 });
      return;
    }
    this.#socket = socket;
    this.#silence.begin();
    socket.onopen = () => isCurrent() && this.tell({ kind: "opened" });
    socket.onmessage = ({ data }) => isCurrent() && this.#hear(String(data), isCurrent);
    // What an error of a socket is, browsers do not tell; a close follows.
    socket.onerror = () => {};
    socket.onclose = ({ code }) => isCurrent() && this.tell({ kind: "lost", code });
  }

  #sayHello(): void {
    const at = this.#try;
    this.#hooks.hello(this.#token).then(
      (hello) => at === this.#try && this.#socket?.send(encode(hello)),
      (error) => {
        if (at !== this.#try) return;
        this.#hooks.failed(error);
        this.tell({ kind: "lost", code: 1006 });
      },
    );
  }

  #hear(data: string, isCurrent: () => boolean): void {
    this.#silence.heard();
    let message: FromGateway;
    try {
      message = decodeFromGateway(data);
    } catch (error) {
      this.#hooks.failed(error);
      this.tell({ kind: "nonsense" });
      return;
    }
    if (message.t === "error") this.#hooks.failed(message);
    if (message.t === "error" && message.gateways !== null) this.#addresses.sentTo(message.gateways);
    if (message.t === "welcome") this.#addresses.welcomed();
    const said = message.t === "error" ? { retryMs: message.retry_ms, code: message.code } : {};
    this.tell({ kind: "message", t: message.t, ...said });
    if (message.t === "auth_due") void this.#renewToken();
    else if (isCurrent()) this.#hooks.take(message, isCurrent);
  }

  #leave(code: number, reason: string): void {
    this.#try++;
    this.#silence.end();
    this.#socket?.close(code, reason);
    this.#socket = null;
  }
}
