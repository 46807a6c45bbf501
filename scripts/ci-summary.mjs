// Prints the last line of .ci/run from vitest's JSON report; exits 1 unless all is well.
// Usage: ci-summary.mjs <report> <exit status of vitest>
import { readFileSync } from "node:fs";

const [path, status] = process.argv.slice(2);

function readReport() {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, testResults: [] };
  }
}

const report = readReport();
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
  console.log(passed === 0 ? "FAILED: no test ran" : `FAILED: vitest ended with exit status ${status}`);
  failed = 1;
}

console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exitCode = failed > 0 ? 1 : 0;
