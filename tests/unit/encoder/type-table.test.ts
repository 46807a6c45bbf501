import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { typeTable } from "../../support/arrow/type-table.ts";

test("docs/types.md says what the plan does (npm run generate makes it)", () => {
  expect(readFileSync(new URL("../../../docs/types.md", import.meta.url), "utf8")).toBe(typeTable());
});
