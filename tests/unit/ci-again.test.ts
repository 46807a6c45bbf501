import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, expect, test } from "vitest";

const SCRIPT = fileURLToPath(new URL("../../scripts/ci-again.mjs", import.meta.url));
const FAILURE = "AssertionError: expected 1 to be 2";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "ampsync-again-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A report as vitest writes it: of each file the messages of its tests, none of those that passed. */
function report(
  name: string,
  files: Readonly<Record<string, readonly (readonly string[])[]>>,
  uncaught: readonly { readonly file: string | null; readonly message: string }[] = [],
): string {
  const testResults = Object.entries(files).map(([file, tests]) => ({
    name: file,
    status: tests.every((messages) => messages.length === 0) && tests.length > 0 ? "passed" : "failed",
    assertionResults: tests.map((failureMessages) => ({
      fullName: "a test",
      status: failureMessages.length === 0 ? "passed" : "failed",
      failureMessages,
    })),
  }));
  const path = join(folder, name.replaceAll(" ", "-"));
  writeFileSync(path, JSON.stringify({ numPassedTests: 0, numFailedTests: 0, testResults }));
  writeFileSync(`${path}.uncaught`, JSON.stringify(uncaught));
  return path;
}

function run(...args: string[]): readonly string[] {
  const { stdout, status } = spawnSync(process.execPath, [SCRIPT, ...args], { encoding: "utf8" });
  expect(status).toBe(0);
  return stdout.split("\n").filter((line) => line !== "");
}

const readBack = (path: string): unknown => JSON.parse(readFileSync(path, "utf8"));

test("a few files in which something failed are run again", () => {
  expect(run(report("few", { a: [[], [FAILURE]], b: [], c: [[]] }))).toEqual(["a", "b"]);
});

test("so is a file whose tests passed, but which left an error that none of them caught", () => {
  const path = report("left", { a: [[]], b: [[]] }, [{ file: "b", message: "Error: reset" }]);
  expect(run(path)).toEqual(["b"]);
});

test("none is where many failed", () => {
  const path = report("many", { a: [[FAILURE]], b: [[FAILURE]], c: [[FAILURE]], d: [[FAILURE]] });
  expect(run(path)).toEqual([]);
});

test("none is where an error belongs to no file", () => {
  expect(run(report("nowhere", { a: [[FAILURE]] }, [{ file: null, message: "Error: reset" }]))).toEqual([]);
});

test("none is where all passed, or no report is", () => {
  expect(run(report("passed", { a: [[]] }))).toEqual([]);
  expect(run(join(folder, "missing"))).toEqual([]);
});

test("what passes in all further runs has passed, and is named as unstable", () => {
  const first = report("first", { a: [[], [FAILURE]], b: [[], []] });
  run(first, ...["1", "2", "3"].map((n) => report(`passed-${n}`, { a: [[], []] })));
  expect(readBack(first)).toMatchObject({
    numPassedTests: 4,
    numFailedTests: 0,
    unstable: [{ file: "a", message: `a test: ${FAILURE}` }],
  });
});

test("what fails in one further run has failed", () => {
  const first = report("failed-first", { a: [[], [FAILURE]], b: [[]] });
  const again = [[], [FAILURE], []].map((last, n) => report(`failed-${n}`, { a: [[], last] }));
  run(first, ...again);
  expect(readBack(first)).toMatchObject({ numPassedTests: 2, numFailedTests: 1, unstable: [] });
});

test("an error that is left in one further run is a failure", () => {
  const first = report("left-first", { a: [[FAILURE]] });
  const error = { file: "a", message: "Error: reset" };
  run(first, report("left-1", { a: [[]] }), report("left-2", { a: [[]] }, [error]));
  expect(readBack(`${first}.uncaught`)).toEqual([error]);
  expect(readBack(first)).toMatchObject({ numFailedTests: 0, unstable: [] });
});
