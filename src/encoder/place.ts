import { AmpsyncError } from "../errors.ts";

/** Where a value stands, for messages. Nested fields know the row of the batch that holds them. */
export interface Place {
  readonly table: string;
  /** The column's name; for nested fields the path from the column, joined by dots. */
  readonly field: string;
  /** The schema promises that no value is NULL. */
  readonly notNull: boolean;
  /** The row of the batch (from 0) that holds value `index` of this field. */
  row(index: number): number;
}

/** The error of a value that its PostgreSQL type cannot hold. */
export function valueError(place: Place, index: number, problem: string, value: string): AmpsyncError {
  return new AmpsyncError(
    "SY203",
    `Column ${place.field} of table ${place.table}, row ${place.row(index)} of the batch: ${problem}`,
    { detail: `Value: ${value}` },
  );
}

/** PostgreSQL holds less than 1 GB in one field, whatever its type. */
const FIELD_LIMIT = 2 ** 30;

export function checkFieldLength(length: number, place: Place, index: number): void {
  if (length >= FIELD_LIMIT) {
    throw valueError(place, index, "a field must be shorter than 1 GB", `${length} bytes`);
  }
}
