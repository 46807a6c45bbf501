import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, expect, test } from "vitest";

const SCRIPT = fileURLToPath(new URL("../../scripts/ci-summary.mjs", import.meta.url));

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "ampsync-summary-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A report as vitest writes it. */
function report(name: string, passed: number, failed: number, skipped: number, more: object = {}): string {
  const path = join(folder, name);
  const counts = { numPassedTests: passed, numFailedTests: failed, numPendingTests: skipped };
  writeFileSync(path, JSON.stringify({ ...counts, numTodoTests: 0, testResults: [], ...more }));
  return path;
}

/** Its last line, and how it ended. */
function summary(...args: string[]): readonly [string | undefined, number | null] {
  const { stdout, status } = spawnSync(process.execPath, [SCRIPT, ...args], { encoding: "utf8" });
  return [stdout.trim().split("\n").at(-1), status];
}

test("the tests of all reports are counted in one line", () => {
  const [everyday, large] = [report("a.json", 10, 0, 2), report("b.json", 5, 0, 1)];
  expect(summary(everyday, "0", large, "0")).toEqual(["15 passed, 0 failed, 3 skipped", 0]);
});

test("one failure in one of the reports fails the whole", () => {
  const [everyday, large] = [report("a.json", 10, 0, 0), report("b.json", 5, 1, 0)];
  expect(summary(everyday, "0", large, "1")).toEqual(["15 passed, 1 failed", 1]);
});

test.each<[string, () => readonly [string, string]]>([
  ["is missing", () => [join(folder, "nowhere.json"), "0"]],
  ["ran no test", () => [report("b.json", 0, 0, 0), "0"]],
])("a report that %s fails the whole", (_, second) => {
  expect(summary(report("a.json", 10, 0, 0), "0", ...second())).toEqual(["10 passed, 1 failed", 1]);
});

test("a run that ended badly although its tests passed fails the whole", () => {
  const [everyday, large] = [report("a.json", 10, 0, 0), report("b.json", 5, 0, 0)];
  expect(summary(everyday, "0", large, "1")).toEqual(["15 passed, 1 failed", 1]);
});

test("the failures are named before the last line, in a line each, and so is what was unstable", () => {
  const test = { status: "failed", fullName: "a test", failureMessages: ["Error: one\n  at two"] };
  const testResults = [{ name: "a.test.ts", status: "failed", assertionResults: [test] }];
  const path = report("named.json", 1, 1, 0, {
    testResults,
    unstable: [{ file: "b.test.ts", message: "once" }],
  });
  writeFileSync(`${path}.uncaught`, JSON.stringify([{ file: null, message: "Error: reset" }]));
  expect(spawnSync(process.execPath, [SCRIPT, path, "1"], { encoding: "utf8" }).stdout.split("\n")).toEqual([
    "UNSTABLE, failed once and passed three times after: b.test.ts: once",
    "FAILED: a.test.ts: a test: Error: one at two",
    "FAILED: no test caught Error: reset",
    "1 passed, 2 failed",
    "",
  ]);
});

test("no report at all fails", () => {
  expect(summary()).toEqual(["0 passed, 1 failed", 1]);
});
