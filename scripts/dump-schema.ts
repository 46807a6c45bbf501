// Writes sql/schema.sql: what a fresh installation looks like in the catalogue.
// Reviewed in diffs, never edited. Run by the project's own Node:
//   node scripts/dump-schema.ts
import { writeFile } from "node:fs/promises";

import { describeSchema } from "../tests/support/postgres/describe-schema.ts";
import { withFreshInstallation } from "./fresh-installation.ts";

await writeFile(new URL("../sql/schema.sql", import.meta.url), await withFreshInstallation(describeSchema));
