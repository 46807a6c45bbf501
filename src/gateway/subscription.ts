import type { ShapeForm, WishAnswer } from "../db/gateway-answers.ts";
import type { Wish } from "../wire/from-client.ts";

/** A wish of a client, and what has become of it. */
export interface Subscription {
  readonly wish: Wish;
  /** Null: refused before a shape was found. */
  readonly form: ShapeForm | null;
  /** The instances that it names. */
  readonly keys: readonly string[];
  /** Null: it has not been asked about yet. */
  readonly answer: WishAnswer | null;
  /** The definition by which the client has it; null: it has nothing of it, empty: not what it should. */
  readonly has: string | null;
  /** `load`: to be loaded; what the client has of it, if anything, stands still. */
  readonly mode: "live" | "load" | "failed";
}

/** A wish that nobody has judged yet. */
export function asked(wish: Wish): Subscription {
  return { wish, form: null, keys: [], answer: null, has: wish.definition, mode: "load" };
}

/** What becomes of a subscription by an answer; the same object where nothing does. */
export function judged(before: Subscription, answer: WishAnswer, form: ShapeForm | null): Subscription {
  const mode = form === null ? "failed" : answer.mode === "resume" ? "live" : answer.mode;
  const isSame =
    before.mode === mode &&
    before.form?.table_definition === form?.table_definition &&
    JSON.stringify(before.answer) === JSON.stringify(answer);
  if (isSame) return before;
  const has = mode === "live" ? answer.definition : before.has === null ? null : "";
  return { wish: before.wish, form, keys: answer.keys ?? [], answer, has, mode };
}

/** It is refused, and what the client has of it is to go. */
export function isOver({ has, answer }: Subscription): boolean {
  return has !== null && answer?.ends === true;
}

/** The shapes of one session that are live, and which instances it has of each. */
export type Instances = ReadonlyMap<number, { readonly form: ShapeForm; readonly keys: ReadonlySet<string> }>;

export function instancesOf(subscriptions: Iterable<Subscription>, modes: readonly string[]): Instances {
  const instances = new Map<number, { form: ShapeForm; keys: Set<string> }>();
  for (const { form, keys, mode } of subscriptions) {
    if (form === null || !modes.includes(mode)) continue;
    const known = instances.get(form.shape_id) ?? { form, keys: new Set<string>() };
    for (const key of keys) known.keys.add(key);
    instances.set(form.shape_id, known);
  }
  return instances;
}

/** The condition that an instance's rows meet in the client's table; null: the instance is the whole table. */
export function whereOf({ bound }: ShapeForm, key: string): Readonly<Record<string, string>> | null {
  if (bound.length === 0) return null;
  const values: string[] = JSON.parse(key);
  return Object.fromEntries(bound.map((column, n) => [column, values[n]!]));
}

/** The shapes that are live among these, of rows, of blocks, or all. */
export function liveShapes(
  subscriptions: Iterable<Subscription>,
  of: ShapeForm["mode"] | null = null,
): readonly number[] {
  return [...subscriptions].flatMap(({ form, mode }) =>
    form !== null && mode === "live" && (of === null || form.mode === of) ? [form.shape_id] : [],
  );
}
