import type { Extensions } from "@electric-sql/pglite";

import type { Engine } from "../engine.ts";
import { openEngine } from "../open.ts";
import { Channel } from "./channel.ts";
import { type Common, commonChannel, type Place, tabChannel, tabLock } from "./messages.ts";
import { Session } from "./session.ts";

/** What no tab has asked for so long after the store was opened, or the last tab that did was closed, is given up. */
const GIVE_UP_AFTER_MS = 10_000;
const TOKEN_WITHIN_MS = 10_000;

/** The worker that has the store open: for its own tab, and for all others. */
export class Leader {
  readonly #place: Place;
  readonly #common: Channel<Common, Common>;
  readonly #sessions = new Map<string, Session>();
  readonly #joined = Promise.withResolvers<void>();
  #engine: Engine | null = null;
  #generation = 0;
  #isClosed = false;
  #givingUp: ReturnType<typeof setTimeout> | undefined;

  private constructor(place: Place) {
    this.#place = place;
    this.#common = new Channel(commonChannel(place.store), (message) => {
      // One that says hello before is heard of when it answers that this one leads.
      if (message.t !== "hello" || this.#engine === null || this.#generation === 0) return;
      this.#welcome(message.tab, this.#engine);
    });
  }

  /** Called with the store's lock, which is kept until `close` has resolved. */
  static async open(place: Place, extensions: Extensions): Promise<Leader> {
    const leader = new Leader(place);
    try {
      await leader.#open(extensions);
      return leader;
    } catch (error) {
      await leader.close();
      throw error;
    }
  }

  async #open(extensions: Extensions): Promise<void> {
    const { store, url, reset = false, tab } = this.#place;
    const engine = await openEngine({ url, store, reset, extensions, token: () => this.#token() });
    this.#engine = engine;
    this.#generation = await engine.lead();
    this.#welcome(tab, engine);
    engine.onStatus((status) => this.#common.say({ t: "status", generation: this.#generation, status }));
    this.#giveUpLater(engine);
    this.#common.say({ t: "leader", generation: this.#generation });
  }

  /** The engine is closed with everything stored, and tabs turn to whoever comes next. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#givingUp);
    this.#common.close();
    for (const session of this.#sessions.values()) session.close();
    try {
      await this.#engine?.close();
    } finally {
      for (const session of this.#sessions.values()) session.end();
      this.#sessions.clear();
    }
  }

  #welcome(tab: string, engine: Engine): void {
    const known = this.#sessions.get(tab);
    if (known !== undefined) {
      known.welcome(false);
      return;
    }
    const session = new Session({
      channel: tabChannel(this.#place.store, tab),
      generation: this.#generation,
      leader: this.#place.tab,
      engine,
    });
    this.#sessions.set(tab, session);
    this.#joined.resolve();
    session.welcome(true);
    // Granted when the tab is gone, whatever ended it.
    void navigator.locks.request(tabLock(this.#place.store, tab), () => {
      session.end();
      this.#sessions.delete(tab);
      this.#giveUpLater(engine);
    });
  }

  /** The tab of this worker is asked first: it is there as long as this worker is. */
  async #token(): Promise<string> {
    await this.#joined.promise;
    const own = this.#sessions.get(this.#place.tab);
    const others = [...this.#sessions.values()].filter((session) => session !== own);
    let refused: unknown = new Error("no tab is open");
    for (const session of own === undefined ? others : [own, ...others]) {
      try {
        return await session.token(TOKEN_WITHIN_MS);
      } catch (error) {
        refused = error;
      }
    }
    throw refused;
  }

  /** Not at once: a tab that is loaded anew wants the same again. */
  #giveUpLater(engine: Engine): void {
    clearTimeout(this.#givingUp);
    if (this.#isClosed) return;
    this.#givingUp = setTimeout(() => {
      const areShapesSaid = [...this.#sessions.values()].some(({ saysShapes }) => saysShapes);
      if (areShapesSaid) void engine.giveUpUnheld();
    }, GIVE_UP_AFTER_MS);
  }
}
