import type { LoadProgress } from "../db/gateway-answers.ts";
import { unlessAborted } from "../model/unless-aborted.ts";
import type { Session } from "./session.ts";
import type { Subscription } from "./subscription.ts";

/** Ticks do not wait longer: clients that hear nothing go away. */
const WAIT_MS = 1_000;

/** How far one wish is, in units of which the client knows no more than their number. */
export interface Progress {
  readonly shape: string;
  readonly done: string;
  readonly of: string | null;
}

/** How far loads of clients are on the server, asked for all of them together, before each tick. */
export class LoadsProgress {
  readonly #ask: (shapes: readonly number[]) => Promise<readonly LoadProgress[]>;
  #known: readonly LoadProgress[] = [];
  #asking: Promise<void> | null = null;

  constructor(ask: (shapes: readonly number[]) => Promise<readonly LoadProgress[]>) {
    this.#ask = ask;
  }

  /** Resolves when it is known, or after a second; then what was known before holds. */
  async look(sessions: Iterable<Session>): Promise<void> {
    const shapes = new Set(
      [...sessions].flatMap(({ subscriptions }) => [...subscriptions.values()].flatMap(shapeToLoad)),
    );
    if (shapes.size === 0) {
      this.#known = [];
      return;
    }
    this.#asking ??= this.#ask([...shapes])
      .then((known) => {
        this.#known = known;
      })
      // Nobody depends on it.
      .catch(() => {})
      .finally(() => {
        this.#asking = null;
      });
    await unlessAborted(this.#asking, AbortSignal.timeout(WAIT_MS)).catch(() => {});
  }

  /** Null: nothing that it waits for is being made. */
  of({ subscriptions }: Session): readonly Progress[] | null {
    const found = [...subscriptions.values()].flatMap((subscription) => this.#progressOf(subscription));
    return found.length === 0 ? null : found;
  }

  #progressOf(subscription: Subscription): Progress[] {
    const { wish, form, keys, answer } = subscription;
    if (shapeToLoad(subscription).length === 0) return [];
    const those = this.#known.filter(
      ({ shape_id, key }) =>
        shape_id === form?.shape_id &&
        (answer?.waits === true ? key === null : key !== null && keys.includes(key)),
    );
    if (those.length === 0) return [];
    const sum = (numbers: readonly string[]) =>
      numbers.reduce((all, each) => all + BigInt(each), 0n).toString();
    const totals = those.flatMap(({ of }) => of ?? []);
    const of = totals.length < those.length ? null : sum(totals);
    return [{ shape: wish.id, done: sum(those.map(({ done }) => done)), of }];
  }
}

function shapeToLoad({ form, mode }: Subscription): number[] {
  return form !== null && mode === "load" ? [form.shape_id] : [];
}
