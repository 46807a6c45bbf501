import { readFileSync } from "node:fs";

import { afterAll, beforeAll, expect, test } from "vitest";

import { createDatabase, type TestDatabase } from "../support/postgres/postgres.ts";
import { type SqlObject, sqlObjects, withCatalogue } from "../support/postgres/sql-page.ts";

const page = readFileSync(new URL("../../docs/sql.md", import.meta.url), "utf8");

let db: TestDatabase;
let objects: readonly SqlObject[];
beforeAll(async () => {
  db = await createDatabase();
  objects = await sqlObjects(await db.client());
});
afterAll(() => db.drop());

test("docs/sql.md says what the catalogue says (npm run generate makes it)", () => {
  expect(objects.length).toBeGreaterThan(15);
  expect(page).toBe(withCatalogue(page, objects));
});

test("docs/sql.md has no place for what is not there", () => {
  const places = [...page.matchAll(/^<!-- (\w+): from the catalogue -->$/gm)].map(([, name]) => name);
  expect(places.sort()).toEqual(objects.map(({ name }) => name).sort());
});
