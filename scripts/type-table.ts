// Writes docs/types.md, and the table of README.md, from the plan that makes tables and encodes rows.
import { readFileSync, writeFileSync } from "node:fs";

import { typeTable, withTypeTable } from "../tests/support/arrow/type-table.ts";

const readme = new URL("../README.md", import.meta.url);
writeFileSync(new URL("../docs/types.md", import.meta.url), typeTable());
writeFileSync(readme, withTypeTable(readFileSync(readme, "utf8")));
