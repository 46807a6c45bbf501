import { AmpsyncError } from "../errors.ts";

/** Says what a value is, or throws SY411 with the place of what is wrong. The value itself is never shown. */
export type Check<T> = (value: unknown, place: string) => T;

/** What a check lets through. */
export type Checked<C> = C extends Check<infer T> ? T : never;

/** Of 64 bits: digits in a string, since a number of JSON would be rounded. */
export type Count = string;

/** 19 digits hold 2^63 - 1; blocks may begin at -1, which stands for "before the first". */
const COUNT = /^(?:0|-?[1-9][0-9]{0,18})$/;
const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;

export function refuse(place: string, wanted: string): never {
  throw new AmpsyncError("SY411", `${place} is not ${wanted}`, {
    detail: "The message breaks the protocol ampsync.1.",
    hint: "Use a client and a gateway of the same release.",
  });
}

export const text: Check<string> = (value, place) =>
  typeof value === "string" ? value : refuse(place, "a string");

/** A number that a double holds exactly, such as milliseconds. */
export const small: Check<number> = (value, place) =>
  Number.isSafeInteger(value) ? (value as number) : refuse(place, "a whole number");

export const count: Check<Count> = (value, place) =>
  typeof value === "string" && COUNT.test(value) ? value : refuse(place, "a string of digits");

export const uuid: Check<string> = (value, place) =>
  typeof value === "string" && UUID.test(value) ? value : refuse(place, "a uuid in lower case");

/** One of these words and nothing else. */
export function word<const W extends string>(...words: readonly W[]): Check<W> {
  return (value, place) =>
    words.includes(value as W) ? (value as W) : refuse(place, `one of ${words.join(", ")}`);
}

/** A field that is not there is null. */
export function orNull<T>(check: Check<T>): Check<T | null> {
  return (value, place) => (value === null || value === undefined ? null : check(value, place));
}

export function list<T>(check: Check<T>): Check<readonly T[]> {
  return (value, place) =>
    Array.isArray(value)
      ? value.map((item, index) => check(item, `${place}[${index}]`))
      : refuse(place, "a list");
}

/** A field that is not there is an empty list. */
export function maybeList<T>(check: Check<T>): Check<readonly T[]> {
  const whole = list(check);
  return (value, place) => (value === undefined ? [] : whole(value, place));
}

export function pair<A, B>(first: Check<A>, second: Check<B>): Check<readonly [A, B]> {
  return (value, place) =>
    Array.isArray(value) && value.length === 2
      ? [first(value[0], `${place}[0]`), second(value[1], `${place}[1]`)]
      : refuse(place, "a pair");
}

/** An object whose names are data. */
export function named<T>(check: Check<T>): Check<Readonly<Record<string, T>>> {
  return (value, place) =>
    isObject(value)
      ? Object.fromEntries(
          Object.entries(value).map(([name, item]) => [name, check(item, `${place}.${name}`)]),
        )
      : refuse(place, "an object");
}

type Fields = Readonly<Record<string, Check<unknown>>>;
export type Made<F extends Fields> = { readonly [Name in keyof F]: Checked<F[Name]> };

/** An object with these fields; others are ignored, and left out. */
export function object<F extends Fields>(fields: F): Check<Made<F>> {
  const checks = Object.entries(fields);
  return (value, place) => {
    if (!isObject(value)) return refuse(place, "an object");
    const made = checks.map(([name, check]) => [name, check(value[name], `${place}.${name}`)]);
    return Object.fromEntries(made) as Made<F>;
  };
}

/** Objects of several kinds, told apart by one field. What names none of them is refused. */
export function kinds<T>(tag: string, checks: Readonly<Record<string, Check<T>>>): Check<T> {
  return (value, place) => {
    const kind = isObject(value) ? value[tag] : undefined;
    if (typeof kind !== "string" || !Object.hasOwn(checks, kind)) {
      return refuse(`${place}.${tag}`, "known to this release");
    }
    return checks[kind]!(value, place);
  };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
