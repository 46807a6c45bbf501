import type { CapturedTable } from "../model/captured-table.ts";
import { UNCHANGED, VALUE_BYTES, type Value } from "./message-bytes.ts";
import type { Relation, RowChange } from "./pgoutput.ts";

/** What a transaction tells about a table besides its rows; the database acts on it. */
export interface Mark {
  /**
   * row_too_large: a row was left out, being too large; moved_unchanged: a key changed, and the rest of the row did not
   * come; identity: an old row did not come whole; unknown: rows of a table that is not ours, left out.
   */
  readonly kind: "row_too_large" | "moved_unchanged" | "identity" | "unknown";
  readonly relation: string;
  readonly schema?: string;
  readonly table?: string;
  readonly key?: string | null;
  readonly bytes?: number;
}

interface Written {
  /** Each a line of the log, but for what stands before it: the place of its transaction and its own. */
  readonly lines: readonly string[];
  readonly marks: readonly Mark[];
}

/** Of a key that is shown. */
const KEY_CHARACTERS = 1_000;

/** Columns of a relation, by their places, with the beginnings of their members in JSON. */
type Places = readonly { readonly at: number; readonly member: string }[];

/** Writes changes of one table, whose rows come as this relation, as lines. */
export class LineWriter {
  readonly #relation: string;
  readonly #isFull: boolean;
  /** Those of the log: all but generated ones. */
  readonly #columns: Places;
  /** The primary key as it is noted; null where a column of it does not come. */
  readonly #key: Places | null;
  readonly #names: readonly string[];

  constructor(table: CapturedTable, relation: Relation) {
    const generated = new Set(table.columns.filter((column) => column.generated).map(({ name }) => name));
    this.#names = relation.columns.map(({ name }) => name);
    const places = this.#names.map((name, at) => ({ at, member: `${JSON.stringify(name)}:` }));
    const key = keyPlaces(table, this.#names).map((at) => places[at]);
    this.#relation = JSON.stringify(String(relation.relation));
    this.#isFull = table.identity === "full";
    this.#columns = places.filter(({ at }) => !generated.has(this.#names[at]!));
    this.#key = key.length > 0 && key.every((place) => place !== undefined) ? key : null;
  }

  truncate(): string {
    return `${this.#relation},"truncate",null,null,null,null]`;
  }

  /** Old rows are whole where `trusted`, and their server says so. */
  write(change: RowChange, trusted: boolean): Written {
    const old = change.kind === "insert" ? null : change.old;
    const isWhole = change.kind !== "insert" && change.oldKind === "O" && trusted;
    const given = change.kind === "delete" ? null : change.row;
    const bytes = sizeOf(old) + sizeOf(given);
    if (bytes > VALUE_BYTES) return this.#tooLarge(old, given, bytes);
    const row = given === null ? null : this.#filled(given, old, isWhole);
    const lines = this.#lines(change.kind, row, old, isWhole);
    if (lines === null) return { lines: [], marks: [this.#mark("moved_unchanged")] };
    const longest = Math.max(...lines.map((line) => Buffer.byteLength(line)));
    if (longest > VALUE_BYTES) return this.#tooLarge(old, given, longest);
    const weakened = this.#isFull && change.kind !== "insert" && !isWhole;
    return { lines, marks: weakened ? [this.#mark("identity")] : [] };
  }

  /** Null where what the log needs did not come. */
  #lines(
    kind: RowChange["kind"],
    row: readonly Value[] | null,
    old: readonly Value[] | null,
    isWhole: boolean,
  ): readonly string[] | null {
    const oldKey = old === null ? null : this.#keyOf(old);
    if (row === null) {
      return [this.#line("delete", oldKey, null, this.#oldData(old, isWhole), null)];
    }
    const key = this.#keyOf(row);
    const unchanged = this.#columns.filter(({ at }) => row[at] === UNCHANGED);
    if (this.#key?.some(({ at }) => row[at] === UNCHANGED)) return null;
    const data = objectOf(unchanged.length === 0 ? this.#columns : this.#came(row), row);
    if (kind === "insert") return [this.#line("insert", key, data, null, null)];
    if (oldKey !== null && key !== null && oldKey !== key) {
      if (unchanged.length > 0) return null;
      return [
        this.#line("delete", oldKey, null, this.#oldData(old, isWhole), movedTo(key)),
        this.#line("insert", key, data, null, movedTo(oldKey)),
      ];
    }
    const left = unchanged.map(({ at }) => this.#names[at]!);
    const metadata = left.length === 0 ? null : JSON.stringify({ unchanged: left });
    return [this.#line("update", key, data, this.#oldData(old ?? row, isWhole), metadata)];
  }

  #line(
    operation: RowChange["kind"],
    key: string | null,
    data: string | null,
    oldData: string | null,
    metadata: string | null,
  ): string {
    const shown = key === null ? "null" : JSON.stringify(key);
    return `${this.#relation},"${operation}",${shown},${data},${oldData},${metadata}]`;
  }

  /** Values that are stored apart and did not change are in the old row, as far as that came. */
  #filled(row: readonly Value[], old: readonly Value[] | null, isWhole: boolean): readonly Value[] {
    if (old === null || !row.includes(UNCHANGED)) return row;
    // No column of an identity is ever null: where it is, it did not come.
    const came = (at: number) => isWhole || typeof old[at] === "string";
    return row.map((value, at) => (value === UNCHANGED && came(at) ? old[at]! : value));
  }

  #came(row: readonly Value[]): Places {
    return this.#columns.filter(({ at }) => row[at] !== UNCHANGED);
  }

  #keyOf(row: readonly Value[]): string | null {
    const values = this.#key?.map(({ at }) => row[at]);
    return values?.every((value) => typeof value === "string") ? JSON.stringify(values) : null;
  }

  /** Under identity key, and where an old row is not whole, the key alone. */
  #oldData(old: readonly Value[] | null, isWhole: boolean): string | null {
    if (old === null) return null;
    if (this.#isFull && isWhole) return objectOf(this.#columns, old);
    return this.#key === null ? null : objectOf(this.#key, old);
  }

  #tooLarge(old: readonly Value[] | null, row: readonly Value[] | null, bytes: number): Written {
    const key = this.#key?.map(({ at }) => {
      const value = row?.[at] ?? old?.[at];
      return typeof value === "string" ? value.slice(0, KEY_CHARACTERS) : null;
    });
    const shown = key === undefined ? null : JSON.stringify(key).slice(0, KEY_CHARACTERS);
    return { lines: [], marks: [{ ...this.#mark("row_too_large"), key: shown, bytes }] };
  }

  #mark(kind: Mark["kind"]): Mark {
    return { kind, relation: JSON.parse(this.#relation) };
  }
}

/**
 * Where the columns of the primary key are in a relation; -1: it does not come. One that is not there under its name was
 * renamed, if all others are where they were: the log learns of it from the same transaction.
 */
function keyPlaces(table: CapturedTable, names: readonly string[]): readonly number[] {
  const noted = table.columns.filter(({ name, generated }) => !generated || names.includes(name));
  const sameElsewhere = (at: number) =>
    noted.length === names.length &&
    noted.every(({ name }, place) => place === at || !names.includes(name) || names[place] === name);
  return noted.flatMap(({ name, key }, at) => {
    if (!key) return [];
    if (names.includes(name)) return [names.indexOf(name)];
    return [sameElsewhere(at) && !table.columns.some((column) => column.name === names[at]) ? at : -1];
  });
}

/** A row as JSON: null, or the text form of each value. */
function objectOf(places: Places, row: readonly Value[]): string {
  let text = "";
  for (const { at, member } of places) {
    const value = row[at];
    text += `${text === "" ? "" : ","}${member}${typeof value === "string" ? JSON.stringify(value) : "null"}`;
  }
  return `{${text}}`;
}

function movedTo(key: string): string {
  return JSON.stringify({ moved: key });
}

/** Characters, which are no more than bytes; of a value that was not made into text, its bytes. */
function sizeOf(row: readonly Value[] | null): number {
  let size = 0;
  for (const value of row ?? []) {
    if (typeof value === "string") size += value.length;
    else if (typeof value === "number") size += value;
  }
  return size;
}
