import { AmpsyncError } from "../errors.ts";
import type { JsonBudget } from "./json-budget.ts";
import type { NulPolicy } from "./nul-policy.ts";

/** Where a value stands, for messages. Nested fields know the row of the batch that holds them. */
export interface Place {
  readonly table: string;
  /** The user column. */
  readonly column: string;
  /** The column's name; for nested fields the path from the column, joined by dots. */
  readonly field: string;
  /** The schema promises that no value is NULL. */
  readonly notNull: boolean;
  readonly nul: NulPolicy;
  readonly json: JsonBudget;
  /** The row of the batch (from 0) that holds value `index` of this field. */
  row(index: number): number;
}

/** The place of a nested field; `owner` tells the value of `parent` that holds value `index`. */
export function placeInside(
  parent: Place,
  { name, notNull }: { readonly name: string; readonly notNull: boolean },
  owner: (index: number) => number,
): Place {
  return {
    ...parent,
    field: `${parent.field}.${name}`,
    notNull,
    row: (index) => parent.row(owner(index)),
  };
}

/**
 * A value that its PostgreSQL type cannot hold, on its way from the column that
 * measures it to the encoder, where its policy decides.
 */
export class BadValue extends Error {
  readonly place: Place;
  readonly row: number;
  readonly value: string;
  readonly code: "SY106" | "SY203";

  /** `code`: of the error that it is where no policy takes it; SY106 for what only our own limits forbid. */
  constructor(
    place: Place,
    index: number,
    problem: string,
    value: string,
    code: "SY106" | "SY203" = "SY203",
  ) {
    super(problem);
    this.place = place;
    this.row = place.row(index);
    this.value = value;
    this.code = code;
  }

  /** For people, where the place is told beside it. */
  get reason(): string {
    const { field, column } = this.place;
    return `${field === column ? "" : `${field}: `}${this.message} (${this.value})`;
  }

  /** `blocks`: those that the row belongs to, in words. */
  toError(blocks: string): AmpsyncError {
    const { field, table } = this.place;
    return new AmpsyncError(
      this.code,
      `Column ${field} of table ${table}, row ${this.row} of the batch: ${this.message}`,
      {
        detail: `Value: ${this.value}, in ${blocks}`,
        hint: "Fix the value at the source, or choose value_policy 'null' or 'quarantine'.",
      },
    );
  }
}

/**
 * In bytes, of a field and of a whole row. PostgreSQL takes nearly 1 GB, but not as JSON, nor can
 * values of more be told: and a worker must hold several copies of a row.
 */
export const FIELD_LIMIT = 2 ** 28;

export function checkFieldLength(length: number, place: Place, index: number): void {
  if (length >= FIELD_LIMIT) {
    throw new BadValue(place, index, "a field must be shorter than 256 MiB", `${length} bytes`);
  }
}
