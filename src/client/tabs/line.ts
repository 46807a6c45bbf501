import type { Wanted } from "../api.ts";
import type { Rows } from "../live.ts";
import type { ClientStatus } from "../status.ts";
import { Asking } from "./asking.ts";
import { Channel } from "./channel.ts";
import {
  type CallName,
  type Calls,
  type Common,
  commonChannel,
  type FromTab,
  type ToTab,
  tabChannel,
  tabLock,
} from "./messages.ts";
import { packError, unpackError } from "./packed-error.ts";
import { Pulse } from "./pulse.ts";

export interface Times {
  /** A request that is not answered within it is given up. */
  readonly deadlineMs: number;
  readonly pingMs: number;
  /** So long without a word, and the leader is shown as frozen. */
  readonly frozenMs: number;
}

interface Hooks {
  readonly wanted: () => Wanted;
  readonly token: () => Promise<string>;
  /** A leader has taken this tab in: the first one, or another one. */
  readonly joined: (status: ClientStatus) => void;
  readonly refused: (error: unknown) => void;
  readonly status: (status: ClientStatus) => void;
  readonly rows: (live: string, rows: Rows) => void;
  /** Where the store is open may be another place now. */
  readonly moved: () => void;
}

/** From a tab to the worker that leads, whichever that is. */
export class Line {
  readonly #store: string;
  readonly #tab: string;
  readonly #hooks: Hooks;
  readonly #channel: Channel<FromTab, ToTab>;
  readonly #common: Channel<Common, Common>;
  readonly #asking: Asking;
  readonly #times: Times;
  #pulse: Pulse | null = null;
  readonly #gone = Promise.withResolvers<void>();
  #generation = 0;
  /** The tab of the worker that leads; null: none does yet, or it is opening the store. */
  #leader: string | null = null;
  #join: "none" | "asked" | "done" = "none";
  #joins = 0;

  constructor(store: string, tab: string, times: Times, hooks: Hooks) {
    this.#store = store;
    this.#tab = tab;
    this.#hooks = hooks;
    this.#channel = new Channel(tabChannel(store, tab), (message) => this.#hear(message));
    this.#common = new Channel(commonChannel(store), (message) => this.#hearCommon(message));
    this.#asking = new Asking(
      (id, call) => {
        // Before, it waits for whoever will lead.
        if (this.#join !== "done" && call.name !== "join") return;
        this.#channel.say({ t: "ask", generation: this.#generation, id, call });
      },
      times.deadlineMs,
      () => this.#pulse?.isFrozen !== true,
    );
    this.#times = times;
  }

  /** Resolves when this tab holds the lock by whose end leaders hear of its own. */
  async begin(): Promise<void> {
    const held = Promise.withResolvers<void>();
    void navigator.locks.request(tabLock(this.#store, this.#tab), () => {
      held.resolve();
      return this.#gone.promise;
    });
    await held.promise;
    // Not before: a leader takes a tab without that lock for one that is gone.
    this.#pulse = new Pulse(this.#times, (isSilent) => this.#ping(isSilent), this.#hooks.moved);
  }

  get where(): ClientStatus["leader"] {
    if (this.#pulse?.isFrozen) return "leader_frozen";
    if (this.#leader === null) return "opening";
    return this.#leader === this.#tab ? "here" : "elsewhere";
  }

  ask<N extends CallName>(name: N, takes: Calls[N]["takes"]): Promise<Calls[N]["gives"]> {
    return this.#asking.ask(name, takes);
  }

  close(error: Error): void {
    this.#asking.close(error);
    this.#pulse?.end();
    this.#gone.resolve();
    this.#channel.close();
    this.#common.close();
  }

  #hear(message: ToTab): void {
    this.#pulse?.heard();
    switch (message.t) {
      case "welcome":
        this.#welcome(message);
        break;
      case "answer":
        this.#asking.answered(message.id, message.value);
        break;
      case "refused":
        this.#asking.refused(message.id, unpackError(message.error));
        break;
      case "rows":
        this.#hooks.rows(message.live, message.rows);
        break;
      case "token":
        void this.#giveToken(message.n);
        break;
      case "pong":
        break;
    }
  }

  #hearCommon(message: Common): void {
    switch (message.t) {
      case "hello":
        break;
      case "opening":
        this.#pulse?.heard();
        this.#leader = null;
        this.#join = "none";
        // Only who has the lock says so: none before it leads any more, and a store that is made anew counts from one.
        this.#generation = 0;
        this.#asking.wait();
        this.#hooks.moved();
        break;
      case "leader":
        if (message.generation > this.#generation) this.#hello();
        break;
      case "status":
        if (message.generation !== this.#generation) break;
        this.#pulse?.heard();
        this.#hooks.status(message.status);
        break;
    }
  }

  #welcome({ generation, leader, isNew }: Extract<ToTab, { t: "welcome" }>): void {
    if (generation < this.#generation) return;
    if (generation > this.#generation || isNew) this.#join = "none";
    this.#generation = generation;
    this.#leader = leader;
    if (this.#join === "none") void this.#joinLeader();
  }

  async #joinLeader(): Promise<void> {
    this.#join = "asked";
    const n = ++this.#joins;
    try {
      const status = await this.#asking.ask("join", this.#hooks.wanted());
      if (n !== this.#joins) return;
      this.#join = "done";
      this.#asking.again();
      this.#hooks.joined(status);
    } catch (error) {
      if (n !== this.#joins) return;
      this.#join = "none";
      this.#leader = null;
      this.#hooks.refused(error);
    }
  }

  async #giveToken(n: number): Promise<void> {
    try {
      this.#channel.say({ t: "token", n, token: await this.#hooks.token() });
    } catch (error) {
      this.#channel.say({ t: "no_token", n, error: packError(error) });
    }
  }

  shown(live: string): void {
    this.#channel.say({ t: "shown", live });
  }

  #ping(isSilent: boolean): void {
    // A leader that has forgotten this tab takes it in again.
    if (this.#leader === null || isSilent) this.#hello();
    else this.#channel.say({ t: "ping" });
  }

  #hello(): void {
    this.#common.say({ t: "hello", tab: this.#tab });
  }
}
