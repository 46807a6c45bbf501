import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

import { typeTable, withTypeTable } from "../../support/arrow/type-table.ts";

const read = (file: string) => readFileSync(new URL(`../../../${file}`, import.meta.url), "utf8");

test("docs/types.md says what the plan does (node scripts/type-table.ts makes it)", () => {
  expect(read("docs/types.md")).toBe(typeTable());
});

test("README.md says the same, shorter", () => {
  const readme = read("README.md");
  expect(readme).toContain("| Arrow | PostgreSQL |");
  expect(readme).toBe(withTypeTable(readme));
});
