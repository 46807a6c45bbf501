import { inject } from "vitest";

import { cloneDatabase, type TestDatabase } from "./database.ts";

export type { TestDatabase };

/**
 * Clone the migrated template (or, with `empty`, create a database without our
 * schema). Meant once per file, in `beforeAll`, with `drop()` in `afterAll`; or
 * `await using db = await createDatabase()` in one test.
 */
export async function createDatabase({ empty = false } = {}): Promise<TestDatabase> {
  return await cloneDatabase(inject("postgres"), { empty });
}
