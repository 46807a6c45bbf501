import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, expect, test } from "vitest";

const SCRIPT = fileURLToPath(new URL("../../scripts/ci-late.mjs", import.meta.url));
const LATE = "Error: waited 60023 ms for a worker at work\n    at waitFor (tests/support/wait-for.ts:37:13)";
const TIMED_OUT =
  "TestTimeoutError: Test timed out in 240000ms.\nIf this is a long-running test, pass a timeout value.";
const WRONG = "AssertionError: expected 1 to be 2\n    waited 60023 ms for nothing";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "ampsync-late-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A report as vitest writes it: of each file the messages of its tests, none of those that passed. */
function report(name: string, files: Readonly<Record<string, readonly (readonly string[])[]>>): string {
  const testResults = Object.entries(files).map(([file, tests]) => ({
    name: file,
    status: tests.every((messages) => messages.length === 0) && tests.length > 0 ? "passed" : "failed",
    assertionResults: tests.map((failureMessages) => ({
      status: failureMessages.length === 0 ? "passed" : "failed",
      failureMessages,
    })),
  }));
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify({ numPassedTests: 0, numFailedTests: 0, testResults }));
  return path;
}

function late(...args: string[]): readonly string[] {
  const { stdout, status } = spawnSync(process.execPath, [SCRIPT, ...args], { encoding: "utf8" });
  expect(status).toBe(0);
  return stdout.split("\n").filter((line) => line !== "");
}

test("files whose tests ran out of time, and nothing else, are run once more", () => {
  expect(late(report("late", { a: [[], [LATE]], b: [[TIMED_OUT]], c: [[]] }))).toEqual(["a", "b"]);
});

test.each([
  ["one test came out wrong", { a: [[LATE]], b: [[WRONG]] }],
  ["a late test came out wrong, too", { a: [[LATE, WRONG]] }],
  ["a file did not load", { a: [[LATE]], b: [] }],
  ["many ran out of time", { a: [[LATE]], b: [[LATE]], c: [[LATE]], d: [[LATE]] }],
  ["all passed", { a: [[]] }],
])("none is where %s", (name, files) => {
  expect(late(report(name.replaceAll(" ", "-"), files))).toEqual([]);
});

test("no report names none", () => {
  expect(late(join(folder, "nowhere"))).toEqual([]);
});

test("what the second run says is what counts, of the files that it has", () => {
  const first = report("first", { a: [[], [LATE]], b: [[], []] });
  late(first, report("again", { a: [[], []] }));
  expect(JSON.parse(readFileSync(first, "utf8"))).toMatchObject({ numPassedTests: 4, numFailedTests: 0 });
});

test("what fails again has failed", () => {
  const first = report("failed-first", { a: [[], [LATE]], b: [[]] });
  late(first, report("failed-again", { a: [[], [LATE]] }));
  expect(JSON.parse(readFileSync(first, "utf8"))).toMatchObject({ numPassedTests: 2, numFailedTests: 1 });
});
