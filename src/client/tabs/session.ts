import type { Engine } from "../engine.ts";
import type { Rows } from "../live.ts";
import { Channel } from "./channel.ts";
import type { Call, CallName, Calls, FromTab, ToTab, Watched } from "./messages.ts";
import { packError, unpackError } from "./packed-error.ts";

/** A live query of a tab. One that is slow to show its rows is spared those that are not the newest any more. */
interface Live {
  stop: () => void;
  isShowing: boolean;
  next: Rows | null;
}

type Answers = {
  readonly [N in CallName]: (takes: Calls[N]["takes"], id: string) => Promise<Calls[N]["gives"]>;
};

interface Parts {
  /** The name of the channel that this tab has. */
  readonly channel: string;
  readonly generation: number;
  /** The tab whose worker this is. */
  readonly leader: string;
  readonly engine: Engine;
}

/** One tab, as the worker sees it that has the store. */
export class Session {
  readonly #parts: Parts;
  readonly #channel: Channel<ToTab, FromTab>;
  readonly #lives = new Map<string, Live>();
  readonly #tokens = new Map<number, { resolve(token: string): void; reject(error: Error): void }>();
  /** Ids of subscriptions, one as often as this tab has asked for it. */
  #held: readonly string[] = [];
  #saysShapes = false;
  #asked = 0;
  #isClosing = false;
  #ended = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#channel = new Channel(parts.channel, (message) => this.#hear(message));
  }

  /** Whether this tab has said all that it wants: otherwise it is what the store holds. */
  get saysShapes(): boolean {
    return this.#saysShapes;
  }

  welcome(isNew: boolean): void {
    const { generation, leader } = this.#parts;
    this.#channel.say({ t: "welcome", generation, leader, isNew });
  }

  /** Tokens come from the application, which lives in the page. */
  token(withinMs: number): Promise<string> {
    const n = ++this.#asked;
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const timer = setTimeout(() => reject(new Error("a tab did not give its token")), withinMs);
    this.#tokens.set(n, { resolve, reject });
    this.#channel.say({ t: "token", n });
    return promise.finally(() => {
      clearTimeout(timer);
      this.#tokens.delete(n);
    });
  }

  /** What is asked from now on, or fails, its tab asks the next leader. */
  close(): void {
    this.#isClosing = true;
  }

  end(): void {
    this.#ended = true;
    for (const live of this.#lives.values()) live.stop();
    this.#lives.clear();
    this.#parts.engine.release(this.#held);
    this.#held = [];
    for (const { reject } of this.#tokens.values()) reject(new Error("the tab is closed"));
    this.#channel.close();
  }

  #hear(message: FromTab): void {
    switch (message.t) {
      case "ask":
        // Of another generation: asked of a worker that is gone, and asked again of this one.
        if (message.generation !== this.#parts.generation || this.#isClosing) break;
        void this.#answer(message.id, message.call);
        break;
      case "shown":
        this.#shown(message.live);
        break;
      case "ping":
        this.#channel.say({ t: "pong" });
        break;
      case "token":
        this.#tokens.get(message.n)?.resolve(message.token);
        break;
      case "no_token":
        this.#tokens.get(message.n)?.reject(unpackError(message.error));
        break;
    }
  }

  async #answer(id: string, call: Call): Promise<void> {
    try {
      const answer = this.#answers[call.name] as (takes: Call["takes"], id: string) => Promise<unknown>;
      this.#channel.say({ t: "answer", id, value: await answer(call.takes, id) });
    } catch (error) {
      if (!this.#isClosing) this.#channel.say({ t: "refused", id, error: packError(error) });
    }
  }

  readonly #answers: Answers = {
    join: async ({ shapes, subscribed }) => {
      const { engine } = this.#parts;
      const ids = await engine.hold([...(shapes ?? []), ...subscribed]);
      // A tab that asks again, since the answer was late, says all of it again.
      engine.release(this.#held);
      this.#held = [];
      this.#hold(ids);
      this.#saysShapes = shapes !== null;
      return engine.status;
    },
    write: (statements, id) => this.#parts.engine.request(statements, id),
    live: (watched) => this.#watch(watched),
    unlive: async (live) => {
      this.#lives.get(live)?.stop();
      this.#lives.delete(live);
      return null;
    },
    subscribe: async (wanted) => {
      const { engine } = this.#parts;
      const { id } = await engine.subscribe(wanted);
      this.#hold([id]);
      return { id, status: engine.status };
    },
    unsubscribe: async (id) => {
      const at = this.#held.indexOf(id);
      this.#held = this.#held.filter((_, n) => n !== at);
      await this.#parts.engine.unsubscribe(id);
      return null;
    },
    reload: (table) => this.#parts.engine.reload(table).then(() => null),
    verify: (tables) => this.#parts.engine.verify(tables ?? undefined),
    reset: (how) => this.#parts.engine.reset(how).then(() => null),
    sign_in: async () => {
      this.#parts.engine.signIn();
      return null;
    },
    rest: () => this.#parts.engine.rest().then(() => null),
    wake: async () => {
      this.#parts.engine.wake();
      return null;
    },
    debug: async () => this.#parts.engine.debug(),
  };

  #hold(ids: readonly string[]): void {
    if (this.#ended) this.#parts.engine.release(ids);
    else this.#held = [...this.#held, ...ids];
  }

  async #watch({ live: id, sql, params }: Watched): Promise<Rows> {
    let first: Rows | null = null;
    const live: Live = { stop: () => {}, isShowing: true, next: null };
    this.#lives.get(id)?.stop();
    this.#lives.set(id, live);
    const stop = await this.#parts.engine.live(sql, params, (rows) => {
      if (first === null) first = rows;
      else if (live.isShowing) live.next = rows;
      else this.#show(id, live, rows);
    });
    // Ended meanwhile, or asked for again.
    if (this.#lives.get(id) === live) live.stop = stop;
    else stop();
    return first ?? [];
  }

  #show(id: string, live: Live, rows: Rows): void {
    live.isShowing = true;
    live.next = null;
    this.#channel.say({ t: "rows", live: id, rows });
  }

  #shown(id: string): void {
    const live = this.#lives.get(id);
    if (live === undefined) return;
    if (live.next === null) live.isShowing = false;
    else this.#show(id, live, live.next);
  }
}
