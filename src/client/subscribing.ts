import type { FromClient } from "../wire/from-client.ts";
import type { Condition } from "./condition.ts";
import type { Connection } from "./connection.ts";
import type { Database } from "./database.ts";
import { readStanding } from "./standing.ts";
import type { Storing } from "./storing.ts";
import {
  type Answer,
  addSubscription,
  isSame,
  leaveSubscription,
  type Subscription,
  type SubscriptionState,
  spoiledTables,
  wishOf,
} from "./subscriptions.ts";
import type { Turns } from "./turns.ts";

interface Parts {
  readonly pg: Database;
  readonly turns: Turns;
  readonly storing: Storing;
  readonly condition: Condition;
  readonly connection: Connection;
}

/** What a client asks for: kept in its store, and said to each gateway. */
export class Subscribing {
  readonly #parts: Parts;
  readonly #users = new Map<string, number>();
  /** Subscriptions that the present connection was asked for. */
  #asked = new Set<string>();
  /** Those that come when the shape that has their table is gone. */
  readonly #behind = new Set<string>();
  /** Subscriptions that any connection was asked for. */
  readonly #tried = new Set<string>();
  /** Tables that are to be loaded anew, until a gateway has said that they are. */
  readonly #reloads = new Set<string>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** These and no others: what an earlier run held beside them is given up. */
  async want(shapes: readonly Subscription[]): Promise<void> {
    const { pg, turns, storing } = this.#parts;
    await turns.take(async () => {
      const { subscriptions } = await readStanding(pg);
      for (const state of subscriptions) {
        if (!shapes.some((wanted) => isSame(state, wanted))) {
          await pg.transaction((tx) => leaveSubscription(tx, state.id));
        }
      }
      for (const wanted of shapes) await this.#add(wanted);
      await storing.now();
    });
  }

  /** These too: for one of several users of the store. */
  async hold(shapes: readonly Subscription[]): Promise<readonly string[]> {
    const { pg, turns, storing, condition } = this.#parts;
    const { ids, isNew } = await turns.take(async () => {
      const { subscriptions } = await readStanding(pg);
      const ids: string[] = [];
      for (const wanted of shapes) ids.push(await this.#add(wanted));
      return { ids, isNew: !ids.every((id) => subscriptions.some((state) => state.id === id)) };
    });
    // Whoever wants what is there already needs no store that takes anything.
    if (!isNew) return ids;
    await storing.now();
    await condition.changed();
    this.#askForMore();
    return ids;
  }

  /** As `unsubscribe`, but what nobody wants then stays until `giveUpUnheld`. */
  release(ids: readonly string[]): void {
    for (const id of ids) {
      const users = (this.#users.get(id) ?? 1) - 1;
      if (users > 0) this.#users.set(id, users);
      else this.#users.delete(id);
    }
  }

  /** What nobody has asked for since the store was opened. */
  async giveUpUnheld(): Promise<void> {
    const { pg, turns, condition } = this.#parts;
    const ids = await turns.take(async () => {
      const { subscriptions } = await readStanding(pg);
      const unheld = subscriptions.filter(({ id, phase }) => phase !== "leaving" && !this.#users.has(id));
      await pg.transaction((tx) => Promise.all(unheld.map(({ id }) => leaveSubscription(tx, id))));
      return unheld.map(({ id }) => id);
    });
    if (ids.length === 0) return;
    this.#send({ t: "unsubscribe", ids });
    await condition.changed();
  }

  async subscribe(wanted: Subscription): Promise<string> {
    const { turns, storing, condition, connection } = this.#parts;
    const id = await turns.take(() => this.#add(wanted));
    await storing.now();
    await condition.changed();
    this.#askForMore();
    connection.tell({ kind: "call" });
    return id;
  }

  /** One of those who asked for it does not any more; the last one takes it away. */
  async unsubscribe(id: string): Promise<void> {
    const { pg, turns, storing, condition } = this.#parts;
    // Counted within the turn, as users are added: who subscribes beside it either keeps it, or comes after and asks anew.
    const users = await turns.take(async () => {
      const left = (this.#users.get(id) ?? 1) - 1;
      if (left <= 0) await pg.transaction((tx) => leaveSubscription(tx, id));
      this.#users.set(id, left);
      return left;
    });
    if (users > 0) return;
    await storing.now();
    this.#send({ t: "unsubscribe", ids: [id] });
    await condition.changed();
  }

  /** Those that a hello asks for. Not again for what its table has refused to load, unless that is called for. */
  forHello(): readonly SubscriptionState[] {
    const { subscriptions } = this.#parts.condition.standing;
    const wanted = subscriptions.filter((state) => !this.#isRefused(state));
    this.#behind.clear();
    this.#asked = new Set(wanted.map(({ id }) => id));
    for (const { id } of wanted) this.#tried.add(id);
    return wanted;
  }

  /** Loads a table anew: now, or with the next connection. */
  reload(table: string): void {
    this.#reloads.add(table);
    this.#send({ t: "load", tables: [table] });
    this.#askForMore();
  }

  #isRefused({ id, table, definition, error }: SubscriptionState): boolean {
    const isEmpty = definition === null || definition === "";
    return error?.code === "SY417" && isEmpty && this.#tried.has(id) && !this.#reloads.has(table ?? "");
  }

  /** Of answers, those that say what becomes of a subscription: one that another gives way to is not refused. */
  answered(answers: readonly Answer[]): readonly Answer[] {
    const { subscriptions } = this.#parts.condition.standing;
    const leaving = new Set(
      subscriptions.filter(({ phase }) => phase === "leaving").map(({ table }) => table),
    );
    for (const { mode, table } of answers) if (mode === "load" && table !== null) this.#reloads.delete(table);
    return answers.filter(({ id, code, table }) => {
      const isBehind = code === "SY412" && leaving.has(table);
      if (isBehind) this.#behind.add(id);
      return !isBehind;
    });
  }

  /** Asks again for what a shape of the same table kept away. */
  freed(): void {
    for (const id of this.#behind) this.#asked.delete(id);
    this.#behind.clear();
    this.#askForMore();
  }

  /** What the hello did not say. */
  welcomed(): void {
    const { subscriptions } = this.#parts.condition.standing;
    const leaving = subscriptions.filter(({ phase }) => phase === "leaving");
    if (leaving.length > 0) this.#send({ t: "unsubscribe", ids: leaving.map(({ id }) => id) });
    this.#askForMore();
    const spoiled = new Set([...spoiledTables(subscriptions), ...this.#reloads]);
    if (spoiled.size > 0) this.#send({ t: "load", tables: [...spoiled] });
  }

  async #add(wanted: Subscription): Promise<string> {
    const { pg } = this.#parts;
    const { subscriptions } = await readStanding(pg);
    const there = subscriptions.find((state) => state.phase !== "leaving" && isSame(state, wanted));
    const id = there?.id ?? crypto.randomUUID();
    if (there === undefined) await pg.transaction((tx) => addSubscription(tx, id, wanted));
    this.#users.set(id, (this.#users.get(id) ?? 0) + 1);
    return id;
  }

  /** What was subscribed after the hello was written. */
  #askForMore(): void {
    const { condition, connection } = this.#parts;
    if (connection.link !== "open") return;
    const more = condition.standing.subscriptions.filter(
      (state) =>
        !this.#asked.has(state.id) &&
        (state.phase === "loading" || (state.error?.code === "SY417" && !this.#isRefused(state))),
    );
    if (more.length === 0) return;
    for (const { id } of more) {
      this.#asked.add(id);
      this.#tried.add(id);
    }
    this.#send({ t: "subscribe", shapes: more.map(wishOf) });
  }

  #send(message: FromClient): void {
    this.#parts.connection.send(message);
  }
}
