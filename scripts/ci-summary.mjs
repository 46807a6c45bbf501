// Prints the last line of .ci/run from vitest's JSON reports; exits 1 unless all is well.
// Usage: ci-summary.mjs (<report> <exit status of vitest>)...
import { readFileSync } from "node:fs";

const EMPTY = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, testResults: [] };

function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return EMPTY;
  }
}

/** What one run of vitest reported; each must have run a test. */
function summaryOf(path, status) {
  const report = readReport(path);
  // A file that does not even load has no tests that could fail.
  const broken = report.testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
  );
  for (const file of broken) {
    console.log(`FAILED: ${file.name}: ${file.message}`);
  }
  const passed = report.numPassedTests;
  const skipped = report.numPendingTests + report.numTodoTests;
  let failed = report.numFailedTests + broken.length;
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
