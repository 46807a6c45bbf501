// What failed in a few files is run again, three times side by side: it counts as failed if it fails once more.
// Usage: ci-again.mjs <report>              prints the files to be run again; none unless they are few
//        ci-again.mjs <report> <again>...   puts the worst of the further reports in the place of what they repeat
import { writeFileSync } from "node:fs";

import { failuresOf, hasFailed, readJson, uncaughtOf } from "./ci-reports.mjs";

/** More than these are no accident. */
const MOST_FILES = 3;

/** The files in which something failed; none where it belongs to no file. */
function filesToRepeat(path) {
  const failures = failuresOf(readJson(path).testResults, uncaughtOf(path));
  const files = new Set(failures.map(({ file }) => file));
  return files.has(null) || files.size > MOST_FILES ? [] : [...files];
}

const count = (files, ...states) =>
  files.flatMap(({ assertionResults }) => assertionResults).filter(({ status }) => states.includes(status))
    .length;

/** The first report as it would be if of the repeated files only the further runs were known. */
function replace(path, again) {
  const report = readJson(path);
  const repeated = again.flatMap((name) => readJson(name).testResults);
  const testResults = report.testResults.map((file) => {
    const runs = repeated.filter(({ name }) => name === file.name);
    return runs.find(hasFailed) ?? runs[0] ?? file;
  });
  const numbers = {
    numPassedTests: count(testResults, "passed"),
    numFailedTests: count(testResults, "failed"),
    numPendingTests: count(testResults, "pending", "skipped", "disabled"),
    numTodoTests: count(testResults, "todo"),
  };
  const uncaught = again.flatMap(uncaughtOf);
  const failedAgain = new Set(failuresOf(testResults, uncaught).map(({ file }) => file));
  const unstable = failuresOf(report.testResults, uncaughtOf(path)).filter(
    ({ file }) => !failedAgain.has(file),
  );
  writeFileSync(path, JSON.stringify({ ...report, ...numbers, testResults, unstable }));
  writeFileSync(`${path}.uncaught`, JSON.stringify(uncaught));
}

const [path, ...again] = process.argv.slice(2);
if (again.length > 0) {
  replace(path, again);
} else {
  try {
    for (const name of filesToRepeat(path)) console.log(name);
  } catch {
    // No report: the summary says so.
  }
}
