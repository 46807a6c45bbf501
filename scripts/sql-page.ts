// Writes into docs/sql.md what the catalogue says of each function and view. Run by the project's own Node:
//   node scripts/sql-page.ts
import { readFile, writeFile } from "node:fs/promises";

import { sqlObjects, withCatalogue } from "../tests/support/postgres/sql-page.ts";
import { withFreshInstallation } from "./fresh-installation.ts";

const page = new URL("../docs/sql.md", import.meta.url);
const objects = await withFreshInstallation(sqlObjects);
await writeFile(page, withCatalogue(await readFile(page, "utf8"), objects));
