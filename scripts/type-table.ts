// Writes docs/types.md from the plan that makes tables and encodes rows.
import { writeFileSync } from "node:fs";

import { typeTable } from "../tests/support/arrow/type-table.ts";

writeFileSync(new URL("../docs/types.md", import.meta.url), typeTable());
