import { afterAll, beforeAll } from "vitest";

import { late } from "../late.ts";
import { createDatabase, type TestDatabase } from "./postgres.ts";

/** One database for all tests of a file. */
export function sharedDatabase(options: { readonly empty?: boolean } = {}): TestDatabase {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await createDatabase(options);
  });
  afterAll(() => db.drop());
  return late(() => db);
}
