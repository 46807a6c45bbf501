// Writes the settings of src/config/settings.ts into docs/configuration.md.
import { readFileSync, writeFileSync } from "node:fs";

import { withSettings } from "../tests/support/settings-page.ts";

const page = new URL("../docs/configuration.md", import.meta.url);
writeFileSync(page, withSettings(readFileSync(page, "utf8")));
