// Prints the last line of .ci/run from vitest's JSON reports; exits 1 unless all is well.
// Usage: ci-summary.mjs (<report> <exit status of vitest>)...
import { failuresOf, lineOf, readJson, uncaughtOf } from "./ci-reports.mjs";

const EMPTY = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, testResults: [] };

function readReport(path) {
  try {
    return readJson(path);
  } catch {
    return EMPTY;
  }
}

/** What one run of vitest reported; each must have run a test. */
function summaryOf(path, status) {
  const report = readReport(path);
  for (const failure of report.unstable ?? []) {
    console.log(`UNSTABLE, failed once and passed three times after: ${lineOf(failure)}`);
  }
  // Of a file that does not even load, no test could fail; an error that no test caught is one of none.
  const failures = failuresOf(report.testResults, uncaughtOf(path));
  for (const failure of failures) {
    console.log(`FAILED: ${lineOf(failure)}`);
  }
  const passed = report.numPassedTests;
  const skipped = report.numPendingTests + report.numTodoTests;
  let failed = Math.max(failures.length, report.numFailedTests);
  if (failed === 0 && (status !== "0" || passed === 0)) {
    const why = passed === 0 ? "no test ran" : `vitest ended with exit status ${status}`;
    console.log(`FAILED: ${path}: ${why}`);
    failed = 1;
  }
  return { passed, failed, skipped };
}

const args = process.argv.slice(2);
const sum = { passed: 0, failed: args.length === 0 ? 1 : 0, skipped: 0 };
for (let i = 0; i < args.length; i += 2) {
  const { passed, failed, skipped } = summaryOf(args[i], args[i + 1]);
  sum.passed += passed;
  sum.failed += failed;
  sum.skipped += skipped;
}

const { passed, failed, skipped } = sum;
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exitCode = failed > 0 ? 1 : 0;
