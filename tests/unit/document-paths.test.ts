import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** A release's notes speak of that release. */
const DOCUMENTS = globSync(["*.md", "docs/**/*.md"], { cwd: ROOT }).filter((path) => path !== "CHANGELOG.md");
/** Documents leave out how a test or a module ends. */
const ENDINGS = ["", ".test.ts", ".ts", ".mjs", ".sql"];

test.each(DOCUMENTS)("every file that %s names is there", (document) => {
  const text = readFileSync(join(ROOT, document), "utf8");
  const named = [...text.matchAll(/\b(?:bench|scripts|sql|src|tests)\/[\w./-]*\w/g)].map(([path]) => path);
  const missing = named.filter((path) => !ENDINGS.some((ending) => existsSync(join(ROOT, path + ending))));
  expect(missing).toEqual([]);
});
