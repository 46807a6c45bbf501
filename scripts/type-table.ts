// Writes docs/types.md from the plan that makes tables and encodes rows.
// With --check it compares instead, and exits 1 where the file is out of date.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { typeTable } from "../tests/support/type-table.ts";

const path = fileURLToPath(new URL("../docs/types.md", import.meta.url));
if (!process.argv.includes("--check")) {
  writeFileSync(path, typeTable());
} else if (readFileSync(path, "utf8") !== typeTable()) {
  console.error("docs/types.md is out of date: node scripts/type-table.ts");
  process.exitCode = 1;
}
