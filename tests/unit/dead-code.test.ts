// Takes 12 s.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { afterEach, beforeEach, expect, test } from "vitest";

import { FileTree } from "../support/file-tree.ts";

const KNIP = fileURLToPath(new URL("../../node_modules/knip/bin/knip.js", import.meta.url));
const CONFIG = readFileSync(new URL("../../knip.config.ts", import.meta.url), "utf8");

let tree: FileTree;

beforeEach(() => {
  tree = new FileTree();
  tree.write("knip.config.ts", CONFIG);
  tree.write("package.json", '{ "name": "house", "type": "module", "devDependencies": { "vitest": "*" } }');
  tree.write("src/index.ts", 'import { used } from "./model/a.ts";\nconsole.log(used);\n');
  tree.write("src/model/a.ts", "export const used = 1;\n");
});
afterEach(() => tree[Symbol.dispose]());

/** What is said of all code, and of what is shipped, as `npm run check` asks. */
function deadCode(): readonly string[] {
  return [[], ["--production"]].map((options) => {
    const what = ["--exclude", "dependencies", "--reporter", "compact", "--no-config-hints"];
    const { stdout, stderr, status } = spawnSync(process.execPath, [KNIP, ...what, ...options], {
      cwd: tree.root,
      encoding: "utf8",
    });
    const found = stdout.trim();
    expect([stderr, status]).toEqual(["", found === "" ? 0 : 1]);
    return found;
  });
}

test("a tree in which all is used passes", () => {
  expect(deadCode()).toEqual(["", ""]);
});

test("a circle of imports fails", () => {
  tree.write("src/model/a.ts", 'import { b } from "./b.ts";\nexport const used = () => b;\n');
  tree.write("src/model/b.ts", 'import { used } from "./a.ts";\nexport const b = () => used;\n');
  const circle = "Circular dependencies (1)\nsrc/model/a.ts: src/model/a.ts → src/model/b.ts";
  expect(deadCode()).toEqual([circle, circle]);
});

test("what nobody uses fails; in what is shipped, also what only tests use", () => {
  tree.write(
    "src/model/a.ts",
    `export const used = 1;
     export const unused = 2;
     export const tested = 3;
     export interface Named { n: number }
     export const own: Named = { n: 4 };
     console.log(own);`,
  );
  tree.write("src/model/b.ts", "export const b = 1;\n");
  tree.write("tests/a.test.ts", 'import { tested } from "../src/model/a.ts";\nconsole.log(tested);\n');
  expect(deadCode()).toEqual([
    "Unused files (1)\nsrc/model/b.ts: src/model/b.ts\nUnused exports (1)\nsrc/model/a.ts: unused, own",
    "Unused files (1)\nsrc/model/b.ts: src/model/b.ts\nUnused exports (1)\nsrc/model/a.ts: unused, tested",
  ]);
});
