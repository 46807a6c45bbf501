import type { Fields, Shape } from "./fields.ts";
import type { Item } from "./item.ts";

/** Each so-manieth record has it, from the given serial on. */
export type Every = number | { readonly every: number; readonly from: number };

/** What is odd about records that come from now on. All of it depends on the serial alone. */
export type Oddities = {
  /** So many successive records have one time. */
  readonly ties?: number;
} & { readonly [name in Oddity]?: Every };

type Change = (fields: Fields, item: Item, shape: Shape) => void;

/** Set source texts of their own: some are no JSON, on purpose. */
const CHANGES = {
  nullTime: (fields, _, { changed }) => fields.set(changed, "null"),
  absentTime: (fields, _, { changed }) => fields.delete(changed),
  badTime: (fields, _, { changed }) => fields.set(changed, '"not a time"'),
  mixedTimes: (fields, item, { changed }) => fields.set(changed, mixedTime(item)),
  nullKey: (fields) => fields.set("id", "null"),
  absentKey: (fields) => fields.delete("id"),
  /** 23 digits. */
  bigInteger: (fields, { serial }) =>
    fields.set("amount", `${12_345_678_901_234_567n}${100_000 + serial}`.slice(0, 23)),
  newField: (fields, { serial }) => fields.set("campaign", `"c${serial}"`),
  retyped: (fields) => fields.set("amount", '"twelve"'),
  map: (fields, { serial }) => fields.set("counters", `{"k${serial}":1,"k${serial + 1}":2}`),
  keys: (fields, { serial }) => fields.set(`k${serial}`, "1"),
  nul: (fields) => fields.set("note", '"a\\u0000b"'),
  surrogate: (fields) => fields.set("note", '"a\\ud800b"'),
  /** A backslash and five characters: no NUL. */
  noNul: (fields) => fields.set("note", '"a\\\\u0000b"'),
  umlaut: (fields) => fields.set("note", '"Grüße"'),
  notJson: (fields) => fields.set("amount", "NaN"),
  missingComma: (fields) => fields.set("amount", '1.5 "tax":0.5'),
  /** JSON, but beyond what PostgreSQL's numbers hold. */
  notJsonb: (fields) => fields.set("amount", "1e999999"),
} satisfies Record<string, Change>;

type Oddity = keyof typeof CHANGES;

/** Changes the fields of a record by what is odd about it. */
export function makeOdd(fields: Fields, item: Item, shape: Shape): void {
  const { ties: _, ...oddities } = item.oddities;
  for (const [name, every] of Object.entries(oddities)) {
    // What is left are the keys of CHANGES.
    const change: Change = CHANGES[name as Oddity];
    if (hits(every, item.serial)) change(fields, item, shape);
  }
}

function hits(given: Every, serial: number): boolean {
  const { every, from } = typeof given === "number" ? { every: given, from: 0 } : given;
  return serial >= from && (serial - from + 1) % every === 0;
}

/** One moment in five forms, which take turns. */
function mixedTime({ serial, changedAt }: Item): string {
  const text = new Date(changedAt).toISOString();
  const forms = [
    `"${text}"`,
    `"${text.slice(0, -1)}123+00:00"`,
    `"${text.slice(0, -1).replace("T", " ")}"`,
    String(changedAt),
    String(changedAt / 1000),
  ];
  return forms[serial % forms.length]!;
}
