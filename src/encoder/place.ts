import { AmpsyncError } from "../errors.ts";
import type { JsonBudget } from "./json-budget.ts";
import type { NulPolicy } from "./nul-policy.ts";

/** The place of a value, for messages. Nested fields know the row of the batch that holds them. */
export interface Place {
  readonly table: string;
  /** The user column. */
  readonly column: string;
  /** The name of the column; for nested fields the path from the column, joined by dots. */
  readonly field: string;
  /** The schema declares the field non-null. */
  readonly notNull: boolean;
  readonly nul: NulPolicy;
  readonly json: JsonBudget;
  /** The row of the batch (from 0) that holds value `index` of this field. */
  row(index: number): number;
}

/** The place of a nested field; `owner` gives the value of `parent` that holds value `index`. */
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
 * A bad value: one that its PostgreSQL type cannot hold. The column that measures it
 * throws it to the encoder, whose policy decides.
 */
export class BadValue extends Error {
  readonly place: Place;
  readonly row: number;
  readonly value: string;
  readonly code: "SY106" | "SY203";

  /** `code`: the SQLSTATE under the policy `fail`; SY106 if only our own limits forbid the value. */
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

  /** The reason in words; the place is given separately. */
  get reason(): string {
    const { field, column } = this.place;
    return `${field === column ? "" : `${field}: `}${this.message} (${this.value})`;
  }

  /** `blocks`: the blocks that the row belongs to, in words. */
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
 * The limit of a field and of a whole row, in bytes. PostgreSQL accepts nearly 1 GB, but less as JSON, so a
 * longer row could not be kept aside; and a worker must hold several copies of a row.
 */
export const FIELD_LIMIT = 2 ** 28;

export function checkFieldLength(length: number, place: Place, index: number): void {
  if (length >= FIELD_LIMIT) {
    throw new BadValue(place, index, "a field must be shorter than 256 MiB", `${length} bytes`);
  }
}
