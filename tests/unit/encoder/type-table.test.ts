import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { typeTable } from "../../support/type-table.ts";

test("docs/types.md says what the plan does (node scripts/type-table.ts makes it)", () => {
  expect(readFileSync(new URL("../../../docs/types.md", import.meta.url), "utf8")).toBe(typeTable());
});
