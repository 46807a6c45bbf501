import { COLUMN_CASES } from "./column-cases.ts";
import { PARTITION_CASES } from "./partition-cases.ts";
import { REWRITE_CASES } from "./rewrite-cases.ts";
import { TABLE_CASES } from "./table-cases.ts";

/** What becomes of a published table: what its followers see of a change. */
export type Outcome = "nothing" | "added" | "found" | "renamed" | "floor" | "failed" | "ended";

export interface FormCase {
  readonly name: string;
  readonly outcome: Outcome;
  /** The entry stands between the rows of before and after, if there are such: Relation messages tell of it. */
  readonly exact?: boolean;
  /** `{t}` is the table, `{s}` its schema, `{n}` its name. By default `(id int primary key, v text, w int)`. */
  readonly create?: string;
  /** Its first rows. */
  readonly rows?: string;
  /** One statement each, as a user runs them; `look` is one by the supervisor. */
  readonly ddl: readonly string[];
  /** Written before and after it; null: nothing. */
  readonly before?: string;
  readonly after?: string | null;
  /** From this major version on. */
  readonly from?: number;
}

/** Every row of what a change of form may be. */
export const FORM_CASES: readonly FormCase[] = [
  ...COLUMN_CASES,
  ...REWRITE_CASES,
  ...TABLE_CASES,
  ...PARTITION_CASES,
];

/** Statements of a case for its table. */
export function inTable(text: string, schema: string, name: string): string {
  return text.replaceAll("{t}", `${schema}.${name}`).replaceAll("{s}", schema).replaceAll("{n}", name);
}
