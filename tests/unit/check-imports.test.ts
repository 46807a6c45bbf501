import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterEach, beforeEach, expect, test } from "vitest";

import { FileTree } from "../support/file-tree.ts";

const SCRIPT = fileURLToPath(new URL("../../scripts/check-imports.mjs", import.meta.url));

let tree: FileTree;

beforeEach(() => {
  tree = new FileTree();
  tree.write("src/errors.ts", "export class AmpsyncError extends Error {}\n");
});
afterEach(() => tree[Symbol.dispose]());

/** What the check prints of the files written so far, and how it ends. */
function check(): readonly [string, number | null] {
  const { stderr, status } = spawnSync(process.execPath, [SCRIPT, tree.root], { encoding: "utf8" });
  return [stderr.trim(), status];
}

test("imports that go down pass", () => {
  tree.write("src/model/a.ts", 'import { AmpsyncError } from "../errors.ts";\n');
  expect(check()).toEqual(["", 0]);
});

test.each([
  ["import", 'import {\n  type A,\n  b,\n} from "../stream/b.ts";\n'],
  ["import of a type", 'import type { A } from "../stream/b.ts";\n'],
  ["export", 'export * from "../stream/b.ts";\n'],
  ["import for its effect", 'import "../stream/b.ts";\n'],
  ["import at run time", 'const b = await import("../stream/b.ts");\n'],
])("an %s that goes up fails", (_, text) => {
  tree.write("src/stream/b.ts", "export const b = 1;\n");
  tree.write("src/commit/a.ts", text);
  expect(check()).toEqual(["src/commit/a.ts: commit may not import ../stream/b.ts", 1]);
});

test.each(["lease", "commit"])("%s/ knows nothing of Amp", (floor) => {
  tree.write("src/protocol/a.ts", "export interface A {}\n");
  tree.write(`src/${floor}/b.ts`, 'import type { A } from "../protocol/a.ts";\n');
  expect(check()).toEqual([`src/${floor}/b.ts: ${floor} may not import ../protocol/a.ts`, 1]);
});

test("a package on a floor that may not have it fails, but not its types", () => {
  tree.write("src/lease/a.ts", 'import type pg from "pg";\n');
  tree.write("src/lease/b.ts", 'import pg from "pg";\n');
  expect(check()).toEqual(["src/lease/b.ts: lease may not import pg", 1]);
});

test("a pure floor may not have builtin modules", () => {
  tree.write("src/protocol/a.ts", 'import { setTimeout } from "node:timers/promises";\n');
  expect(check()).toEqual(["src/protocol/a.ts: protocol may not import node:timers/promises", 1]);
});

test("a folder without a rule fails", () => {
  tree.write("src/other/a.ts", "export const a = 1;\n");
  expect(check()).toEqual(["src/other/a.ts: no rule says what other may import", 1]);
});

test("what only one place may touch fails elsewhere, though not in a comment", () => {
  tree.write("src/model/a.ts", "// process.env is read by config\nexport const a = process.env;\n");
  expect(check()).toEqual(["src/model/a.ts:2: touches process", 1]);
});

test("tests, benchmarks and scripts share what stands in tests/support", () => {
  tree.write("tests/support/a.ts", 'import { AmpsyncError } from "../../src/errors.ts";\n');
  for (const path of ["tests/unit/deep/b.test.ts", "tests/flow/c.test.ts"]) {
    tree.write(path, `import "${"../".repeat(path.split("/").length - 2)}support/a.ts";\n`);
  }
  tree.write("bench/d.ts", 'import "../tests/support/a.ts";\nimport "./e.ts";\n');
  tree.write("bench/e.ts", "export const e = 1;\n");
  expect(check()).toEqual(["", 0]);
});

test.each([
  ["a test", "tests/flow/a.test.ts", "../../bench/b.ts"],
  ["a test of another folder", "tests/flow/a.test.ts", "../unit/b.ts"],
  ["what tests share", "tests/support/a.ts", "../unit/b.ts"],
  ["a script", "scripts/a.ts", "../bench/b.ts"],
  ["a benchmark", "bench/a.ts", "../scripts/b.ts"],
])("%s may import nothing of another house", (_, path, specifier) => {
  tree.write(join(dirname(path), specifier), "export const b = 1;\n");
  tree.write(path, `import { b } from "${specifier}";\n`);
  expect(check()).toEqual([`${path}: ${path.match(/^tests\/\w+|^\w+/)![0]} may not import ${specifier}`, 1]);
});

test("files that the check does not look at fail it", () => {
  tree.write("src/.hidden/a.ts", "export const a = 1;\n");
  expect(check()[1]).toBe(1);
});
