import { Binary, Bool, type DataType, Decimal, FixedSizeBinary, Int32, Uint64, Utf8 } from "apache-arrow";

import type { Dice } from "../dice.ts";
import type { ColumnSpec } from "./version-source.ts";

/** The columns of each table of a version. */
export type Tables = Readonly<Record<string, Readonly<Record<string, ColumnSpec>>>>;

/** What a version changes, and its tables. */
export interface Change {
  readonly what: string;
  readonly tables: Tables;
}

const NAMES = ["blocks", "logs", "transactions", "traces", "receipts"];
const TYPES: readonly (() => DataType)[] = [
  () => new Utf8(),
  () => new Uint64(),
  () => new Bool(),
  () => new Binary(),
  () => new Int32(),
  () => new Decimal(0, 24, 128),
];
/** Never changed: reorgs need it. */
const HASH = "block_hash";

/** Random shapes of a dataset, each made from the one before. */
export class VersionWalk {
  readonly #roll: Dice;
  readonly #all: Tables[] = [];
  #columns = 0;

  constructor(roll: Dice) {
    this.#roll = roll;
  }

  first(): Tables {
    const tables: Record<string, Tables[string]> = {};
    for (let i = this.#roll(1, 3); i > 0; i--) {
      tables[NAMES[i - 1]!] = this.#newTable();
    }
    return this.#keep(tables);
  }

  /** Another shape; `compatible`: one that tables of the given shape can be made to fit. */
  next(tables: Tables, { compatible = false } = {}): Change {
    const roll = this.#roll;
    for (;;) {
      const kind = compatible ? roll(0, 6) : roll(0, 11);
      const change =
        kind <= 1
          ? this.#addColumn(tables)
          : kind === 2
            ? this.#addTable(tables)
            : kind === 3
              ? this.#widen(tables)
              : kind === 4
                ? this.#relax(tables)
                : kind === 5
                  ? this.#reorder(tables)
                  : kind === 6
                    ? { what: "nothing", tables }
                    : kind === 7
                      ? this.#dropTable(tables)
                      : kind === 8
                        ? { what: "revert", tables: this.#all[roll(0, this.#all.length - 1)]! }
                        : kind === 9
                          ? this.#dropColumn(tables)
                          : this.#changeType(tables);
      if (change !== null) return { what: change.what, tables: this.#keep(change.tables) };
    }
  }

  #keep(tables: Tables): Tables {
    this.#all.push(tables);
    return tables;
  }

  #newTable(): Tables[string] {
    const columns: Record<string, ColumnSpec> = {
      [HASH]: { type: new FixedSizeBinary(32), nullable: false },
    };
    for (let i = this.#roll(1, 3); i > 0; i--) columns[this.#newName()] = this.#newColumn();
    return columns;
  }

  #newName(): string {
    return `c${++this.#columns}`;
  }

  #newColumn(): ColumnSpec {
    return { type: TYPES[this.#roll(0, TYPES.length - 1)]!(), nullable: this.#roll(0, 2) > 0 };
  }

  #pickTable(tables: Tables): string {
    const names = Object.keys(tables);
    return names[this.#roll(0, names.length - 1)]!;
  }

  /** A column that may change, with its table. */
  #pick(
    tables: Tables,
    fits: (column: ColumnSpec) => boolean,
  ): { table: string; column: string; spec: ColumnSpec } | null {
    const found = Object.entries(tables).flatMap(([table, columns]) =>
      Object.entries(columns)
        .filter(([column, spec]) => column !== HASH && fits(spec))
        .map(([column, spec]) => ({ table, column, spec })),
    );
    return found[this.#roll(0, Math.max(0, found.length - 1))] ?? null;
  }

  #with(tables: Tables, table: string, column: string, spec: ColumnSpec): Tables {
    return { ...tables, [table]: { ...tables[table]!, [column]: spec } };
  }

  /** Now and then one that was there before. */
  #addColumn(tables: Tables): Change | null {
    const table = this.#pickTable(tables);
    const old = `c${this.#roll(1, this.#columns)}`;
    const column = this.#roll(0, 3) === 0 && tables[table]![old] === undefined ? old : this.#newName();
    return {
      what: `add ${table}.${column}`,
      tables: this.#with(tables, table, column, this.#newColumn()),
    };
  }

  #addTable(tables: Tables): Change | null {
    const table = NAMES.find((name) => tables[name] === undefined);
    if (table === undefined) return null;
    const before = this.#all.findLast((each) => each[table] !== undefined)?.[table];
    const columns = before !== undefined && this.#roll(0, 2) > 0 ? before : this.#newTable();
    return { what: `add ${table}`, tables: { ...tables, [table]: columns } };
  }

  #dropTable(tables: Tables): Change | null {
    if (Object.keys(tables).length === 1) return null;
    const table = this.#pickTable(tables);
    const { [table]: _, ...rest } = tables;
    return { what: `drop ${table}`, tables: rest };
  }

  /** Or, as rarely, makes it narrower. */
  #widen(tables: Tables): Change | null {
    const found = this.#pick(tables, ({ type }) => isNumeric(type));
    if (found === null) return null;
    const digits = this.#roll(21, 38);
    const spec = { ...found.spec, type: new Decimal(0, digits, 128) };
    return {
      what: `${found.table}.${found.column} of ${digits} digits`,
      tables: this.#with(tables, found.table, found.column, spec),
    };
  }

  /** Or the other way round. */
  #relax(tables: Tables): Change | null {
    const found = this.#pick(tables, () => true);
    if (found === null) return null;
    const spec = { ...found.spec, nullable: found.spec.nullable === false };
    return {
      what: `${found.table}.${found.column} ${spec.nullable ? "nullable" : "not null"}`,
      tables: this.#with(tables, found.table, found.column, spec),
    };
  }

  #reorder(tables: Tables): Change {
    const table = this.#pickTable(tables);
    const columns = Object.entries(tables[table]!);
    const at = this.#roll(1, columns.length);
    const turned = Object.fromEntries([...columns.slice(at), ...columns.slice(0, at)]);
    return { what: `reorder ${table}`, tables: { ...tables, [table]: turned } };
  }

  #dropColumn(tables: Tables): Change | null {
    const found = this.#pick(tables, () => true);
    if (found === null) return null;
    const { [found.column]: _, ...rest } = tables[found.table]!;
    return { what: `drop ${found.table}.${found.column}`, tables: { ...tables, [found.table]: rest } };
  }

  #changeType(tables: Tables): Change | null {
    const found = this.#pick(tables, () => true);
    if (found === null) return null;
    const type = found.spec.type instanceof Utf8 ? new Uint64() : new Utf8();
    return {
      what: `${found.table}.${found.column} ${type}`,
      tables: this.#with(tables, found.table, found.column, { ...found.spec, type }),
    };
  }
}

function isNumeric(type: DataType): boolean {
  return type instanceof Uint64 || type instanceof Decimal;
}
