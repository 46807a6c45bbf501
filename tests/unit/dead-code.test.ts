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
    const what = ["--include", "files,exports,types", "--reporter", "compact", "--no-config-hints"];
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

test("an export that nobody imports fails", () => {
  tree.write("src/model/a.ts", "export const used = 1;\nexport const unused = 2;\n");
  const found = expect.stringContaining("src/model/a.ts: unused");
  expect(deadCode()).toEqual([found, found]);
});

test("an export that its own file alone uses fails, but not a type that a signature names", () => {
  tree.write(
    "src/model/a.ts",
    "export interface N { n: number }\nexport const own: N = { n: 1 };\nexport const used = own.n;\n",
  );
  expect(deadCode()).toEqual(["Unused exports (1)\nsrc/model/a.ts: own", ""]);
});

test("an export that only a test imports fails", () => {
  tree.write("src/model/a.ts", "export const used = 1;\nexport const tested = 2;\n");
  tree.write("tests/a.test.ts", 'import { tested } from "../src/model/a.ts";\nconsole.log(tested);\n');
  expect(deadCode()).toEqual(["", expect.stringContaining("src/model/a.ts: tested")]);
});

test("a file that nobody imports fails", () => {
  tree.write("src/model/b.ts", "export const b = 1;\n");
  const found = expect.stringContaining("src/model/b.ts");
  expect(deadCode()).toEqual([found, found]);
});
