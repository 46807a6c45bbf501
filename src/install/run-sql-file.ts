import pg from "pg";

import { AmpsyncError } from "../errors.ts";
import { isLockConflict } from "./lock-conflict.ts";
import type { SqlFile } from "./sql-files.ts";

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
      hint: needsDrop ? "Drop the old one in a new migration." : (error.hint ?? "Nothing was changed."),
      cause: error,
    });
  }
}
