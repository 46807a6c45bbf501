import pg from "pg";
import { afterEach, beforeEach } from "vitest";

import type { TestDatabase } from "./postgres.ts";
import { sharedDatabase } from "./shared-database.ts";

/** A database for one test file; what a test does through `query` is rolled back after it. */
export function rolledBackDatabase(): TestDatabase {
  const db = sharedDatabase();
  beforeEach(async () => void (await db.query("begin")));
  afterEach(async () => void (await db.query("rollback")));
  return db;
}

/** The error that a statement ends with. The transaction around it goes on as if it had not run. */
export async function refusal(
  db: Pick<TestDatabase, "query">,
  work: string | (() => Promise<unknown>),
): Promise<pg.DatabaseError> {
  await db.query("savepoint before_refusal");
  try {
    await (typeof work === "string" ? db.query(work) : work());
  } catch (error) {
    if (error instanceof pg.DatabaseError) {
      return error;
    }
    throw error;
  } finally {
    await db.query("rollback to before_refusal");
  }
  throw new Error(`was not refused: ${work}`);
}
