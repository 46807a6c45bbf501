import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** A release's notes speak of that release. */
const DOCUMENTS = globSync(["*.md", "docs/**/*.md"], { cwd: ROOT }).filter((path) => path !== "CHANGELOG.md");
/** Documents leave out how a test or a module ends. */
const ENDINGS = ["", ".test.ts", ".ts", ".mjs", ".sql"];

const read = (document: string) => readFileSync(join(ROOT, document), "utf8");

test.each(DOCUMENTS)("every file that %s names is there", (document) => {
  const named = [
    ...read(document).matchAll(/(?<!@electric-)\b(?:bench|scripts|sql|src|tests)\/[\w./-]*\w/g),
  ].map(([path]) => path);
  const missing = named.filter((path) => !ENDINGS.some((ending) => existsSync(join(ROOT, path + ending))));
  expect(missing).toEqual([]);
});

test.each(DOCUMENTS)("every link of %s leads to a file, and to a heading of it", (document) => {
  const links = [...read(document).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)];
  const broken = links.filter(([, file = "", heading]) => {
    const target = file === "" ? document : join(dirname(document), file);
    return !existsSync(join(ROOT, target)) || (heading !== undefined && !anchors(target).includes(heading));
  });
  expect(broken.map(([link]) => link)).toEqual([]);
});

/** What can stand behind # for a document: its headings, as GitHub spells them. */
function anchors(document: string): readonly string[] {
  return [...read(document).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, "")
      .replaceAll(" ", "-"),
  );
}
