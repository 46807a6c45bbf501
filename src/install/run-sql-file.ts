import pg from "pg";

import { AmpsyncError } from "../errors.ts";
import { isLockConflict } from "./lock-conflict.ts";
import type { SqlFile } from "./sql-files.ts";

/** PostgreSQL's code where something depends on what is to be dropped. */
const DEPENDENTS = "2BP01";

/** Runs a whole file as one message; errors name file and line. Lock conflicts pass through. */
export async function runFile(client: pg.ClientBase, file: SqlFile): Promise<void> {
  try {
    await client.query(file.text);
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || isLockConflict(error)) {
      throw error;
    }
    const line = file.text.slice(0, Number(error.position ?? 0)).split("\n").length;
    // A signature, or the columns of a view, cannot be replaced, only dropped and created again.
    const needsDrop = error.code === "42P13" || error.code === "42P16";
    throw new AmpsyncError("SY901", `sql/${file.name}, line ${line}: ${error.message}`, {
      detail: `SQLSTATE ${error.code}.${error.detail === undefined ? "" : ` ${error.detail}`}`,
      hint: needsDrop
        ? "Drop the old one in a new migration."
        : error.code === DEPENDENTS
          ? "What the detail names is yours: drop it, run ampsync migrate, and make it again. Nothing was changed."
          : (error.hint ?? "Nothing was changed."),
      cause: error,
    });
  }
}
