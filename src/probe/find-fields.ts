import { isObject, type JsonObject, membersOf, plainName } from "./members.ts";

/** The types of JSON; numbers as far as columns tell them apart. `large`: beyond 2^53, where doubles lose digits. */
export type JsonType =
  | "string"
  | "integer"
  | "large integer"
  | "fraction"
  | "boolean"
  | "null"
  | "object"
  | "array";

/** What all values of a field look like. */
export type Looks = "uuid" | "time" | "date" | "seconds since 1970" | "milliseconds since 1970";

/** A field of the records. */
export interface Field {
  readonly pointer: string;
  readonly name: string;
  /** How many records have which type. */
  readonly types: Partial<Record<JsonType, number>>;
  readonly looks: Looks | null;
  /** In how many records it is. */
  readonly records: number;
  /** No value is there twice, and none is null. */
  readonly is_unique: boolean;
}

/** Records that are looked at, fields that are told, and how deep objects are entered. */
const RECORDS = 1_000;
const FIELDS = 200;
const DEPTH = 3;

const TIME = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|[+-]\d\d(:?\d\d)?)?$/i;
const FORMS: readonly (readonly [Looks, RegExp])[] = [
  ["uuid", /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i],
  ["time", TIME],
  ["date", /^\d{4}-\d\d-\d\d$/],
];
const TIMED = /(time|timestamp|date|created|updated|modified|changed|at)$/;
/** From 2001 on: smaller numbers are rather something else. */
const FIRST_S = 1e9;
const FIRST_MS = 1e12;

/** The fields of the records in the order in which they are first seen, and how many there are beyond those told. */
export function findFields(records: readonly JsonObject[]): {
  readonly fields: readonly Field[];
  readonly others: number;
} {
  const values = new Map<string, { readonly name: string; readonly values: unknown[] }>();
  for (const record of records.slice(0, RECORDS)) {
    for (const { pointer, name, value } of membersOf(record, DEPTH)) {
      const known = values.get(pointer);
      if (known === undefined) values.set(pointer, { name, values: [value] });
      else known.values.push(value);
    }
  }
  const fields = [...values].slice(0, FIELDS).map(([pointer, each]) => fieldOf(pointer, each));
  return { fields, others: values.size - fields.length };
}

/** The field by which a record is most likely known again: an id that each has, once. Null: none looks like one. */
export function findKey(fields: readonly Field[], records: number): Field | null {
  const ids = fields.filter(
    ({ pointer, types, is_unique, records: having }) =>
      pointer.lastIndexOf("/") === 0 &&
      is_unique &&
      having === Math.min(records, RECORDS) &&
      Object.keys(types).every((type) => ["string", "integer", "large integer"].includes(type)),
  );
  const rank = ({ name }: Field) => {
    const plain = plainName(name);
    const usual = ["id", "uuid", "guid", "key"].indexOf(plain);
    return usual !== -1 ? usual : /id$/.test(plain) ? 10 : 100;
  };
  return ids.filter((field) => rank(field) < 100).toSorted((a, b) => rank(a) - rank(b))[0] ?? null;
}

function fieldOf(
  pointer: string,
  { name, values }: { readonly name: string; readonly values: readonly unknown[] },
): Field {
  const types: Partial<Record<JsonType, number>> = {};
  for (const value of values) {
    const type = typeOf(value);
    types[type] = (types[type] ?? 0) + 1;
  }
  const present = values.filter((value) => value !== null);
  const isUnique =
    present.length === values.length &&
    !present.some((value) => typeof value === "object") &&
    new Set(present).size === present.length;
  return { pointer, name, types, looks: looksOf(name, present), records: values.length, is_unique: isUnique };
}

function typeOf(value: unknown): JsonType {
  switch (typeof value) {
    case "string":
      return "string";
    case "boolean":
      return "boolean";
    case "number":
      if (!Number.isInteger(value)) return "fraction";
      return Number.isSafeInteger(value) ? "integer" : "large integer";
    default:
      return value === null ? "null" : isObject(value) ? "object" : "array";
  }
}

function looksOf(name: string, values: readonly unknown[]): Looks | null {
  if (values.length === 0) return null;
  const form = FORMS.find(([, pattern]) =>
    values.every((value) => typeof value === "string" && pattern.test(value)),
  );
  if (form !== undefined) return form[0];
  const isBetween = (from: number) => (value: unknown) =>
    typeof value === "number" && Number.isInteger(value) && value >= from && value < from * 10;
  if (!TIMED.test(plainName(name))) return null;
  if (values.every(isBetween(FIRST_S))) return "seconds since 1970";
  return values.every(isBetween(FIRST_MS)) ? "milliseconds since 1970" : null;
}
