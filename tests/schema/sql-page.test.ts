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

test("the options of enqueue_sync have the documented defaults", async () => {
  const { rows } = await db.query<{ option: string; value: string }>(
    `select a.attname as option, regexp_replace(pg_get_expr(d.adbin, d.adrelid), '^''(.*)''::text$', '\\1') as value
       from pg_attrdef d
       join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
      where d.adrelid = 'ampsync_private.dataset'::regclass
        and a.attname in ('retention_blocks', 'on_deep_reorg', 'value_policy', 'nul_policy', 'not_null', 'on_new_version',
                          'block_index', 'identity')
      order by d.adnum`,
  );
  const documented = [...page.matchAll(/^\| `(\w+)` \|.*\| `(\w+)` \|$/gm)].map(([, option, value]) => ({
    option,
    value,
  }));
  expect(rows).toHaveLength(8);
  expect(documented).toEqual(rows);
});

test("docs/sql.md has no place for what is not there", () => {
  const places = [...page.matchAll(/^<!-- (\w+): from the catalogue -->$/gm)].map(([, name]) => name);
  expect(places.sort()).toEqual(objects.map(({ name }) => name).sort());
});
