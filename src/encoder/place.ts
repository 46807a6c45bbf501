import { AmpsyncError } from "../errors.ts";
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

  constructor(place: Place, index: number, problem: string, value: string) {
    super(problem);
    this.place = place;
    this.row = place.row(index);
    this.value = value;
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
      "SY203",
      `Column ${field} of table ${table}, row ${this.row} of the batch: ${this.message}`,
      { detail: `Value: ${this.value}, in ${blocks}`, hint: "The source must mend the value." },
    );
  }
}

/** PostgreSQL holds less than 1 GB in one field, whatever its type. */
export const FIELD_LIMIT = 2 ** 30;

export function checkFieldLength(length: number, place: Place, index: number): void {
  if (length >= FIELD_LIMIT) {
    throw new BadValue(place, index, "a field must be shorter than 1 GB", `${length} bytes`);
  }
}
