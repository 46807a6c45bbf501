// What ran out of time on a busy machine is run once more, alone; what came out wrong never is.
// Usage: ci-late.mjs <report>           prints the files to be run again; nothing unless lateness is all that failed
//        ci-late.mjs <report> <again>   puts the files of the second report in the place of those of the first
import { readFileSync, writeFileSync } from "node:fs";

const LATE = /^\w*Error: (?:waited \d+ ms for|(?:Test|Hook) timed out in)/;
/** More than these are no accident. */
const MOST_FILES = 3;

const read = (path) => JSON.parse(readFileSync(path, "utf8"));
const hasFailed = ({ status }) => status === "failed";
const isLate = ({ failureMessages }) =>
  failureMessages.length > 0 && failureMessages.every((text) => LATE.test(text));

/** The files that failed, if each of their failures is a wait that was given up. */
function lateFiles({ testResults }) {
  const failed = testResults.filter(hasFailed);
  const areLate = failed.every(({ assertionResults }) => {
    const tests = assertionResults.filter(hasFailed);
    return tests.length > 0 && tests.every(isLate);
  });
  return areLate && failed.length <= MOST_FILES ? failed.map(({ name }) => name) : [];
}

const count = (files, ...states) =>
  files.flatMap(({ assertionResults }) => assertionResults).filter(({ status }) => states.includes(status))
    .length;

const [path, again] = process.argv.slice(2);
if (again === undefined) {
  try {
    for (const name of lateFiles(read(path))) console.log(name);
  } catch {
    // No report: the summary says so.
  }
} else {
  const second = read(again).testResults;
  const report = read(path);
  const testResults = report.testResults.map((file) => second.find(({ name }) => name === file.name) ?? file);
  const numbers = {
    numPassedTests: count(testResults, "passed"),
    numFailedTests: count(testResults, "failed"),
    numPendingTests: count(testResults, "pending", "skipped", "disabled"),
    numTodoTests: count(testResults, "todo"),
  };
  writeFileSync(path, JSON.stringify({ ...report, ...numbers, testResults }));
}
