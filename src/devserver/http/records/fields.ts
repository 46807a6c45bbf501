import { hash32 } from "../../sources/generated/random-words.ts";
import type { Item } from "./item.ts";
import { makeOdd } from "./oddities.ts";

/** The fields of a record, each as the source text of its JSON value: none passes through a JavaScript number. */
export type Fields = Map<string, string>;

/** How a style writes what all records have. */
export interface Shape {
  /** The JSON text of the key. */
  readonly id: (seed: number, serial: number) => string;
  /** The names of the fields that say when a record was made and when it last changed; one name: the former. */
  readonly made: string;
  readonly changed: string;
  /** The JSON text of a time. */
  readonly time: (ms: number) => string;
}

const TYPES = ["page_view", "click", "purchase", "sign_up", "search", "share"] as const;

/** The fields of a record, `id` first. They depend on shape, seed and item only. */
export function fieldsOf(shape: Shape, seed: number, item: Item): Fields {
  const dice = hash32(hash32(seed, item.serial), item.version);
  const cents = String(dice % 100_000).padStart(3, "0");
  const fields: Fields = new Map([
    ["id", shape.id(seed, item.serial)],
    ["type", `"${TYPES[dice % TYPES.length]}"`],
    [shape.changed, shape.time(item.changedAt)],
    [shape.made, shape.time(item.madeAt)],
    ["sequence", String(item.serial + 1)],
    ["user_id", `"user_${(dice >>> 8) % 10_000}"`],
    ["amount", `${cents.slice(0, -2)}.${cents.slice(-2)}`],
    ["properties", `{"page":"/item/${dice % 1000}","version":${item.version}}`],
  ]);
  makeOdd(fields, item, shape);
  return fields;
}

/** The JSON text of a UUID. */
export function uuidOf(seed: number, serial: number): string {
  const hex = [0, 1, 2, 3]
    .map((part) => hash32(hash32(seed, serial), part))
    .map((word) => word.toString(16).padStart(8, "0"))
    .join("");
  const [a, b, c, d] = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(13, 16), hex.slice(17, 20)];
  return `"${a}-${b}-4${c}-8${d}-${hex.slice(20)}"`;
}

export function isoTime(ms: number): string {
  return `"${new Date(ms).toISOString()}"`;
}

/** Whole seconds, as text. */
export function isoSeconds(ms: number): string {
  return `"${new Date(ms).toISOString().slice(0, 19)}Z"`;
}

/** The JSON text of an object. */
export function objectOf(fields: Iterable<readonly [name: string, source: string]>): string {
  let text = "";
  for (const [name, source] of fields) {
    text += `${text === "" ? "{" : ","}"${name}":${source}`;
  }
  return text === "" ? "{}" : `${text}}`;
}
