// Renews the lines `// Takes 30 s.` by which tests/support/longest-first.ts orders files, from vitest's JSON reports:
//   npm test -- --reporter=default --reporter=json --outputFile.json=report.json
//   node scripts/renew-takes.mjs report.json...
// A file that a report lacks, or in which a test failed, keeps its line.
import { readFileSync, writeFileSync } from "node:fs";

const LINE = /^\/\/ Takes \d+ s\.\n/;
/** Of shorter ones the order decides nothing. */
const LONG_S = 10;

for (const report of process.argv.slice(2)) {
  for (const { name, status, startTime, endTime } of JSON.parse(readFileSync(report, "utf8")).testResults) {
    if (status !== "passed") continue;
    const seconds = Math.round((endTime - startTime) / 1000);
    const text = readFileSync(name, "utf8");
    const renewed = (seconds < LONG_S ? "" : `// Takes ${seconds} s.\n`) + text.replace(LINE, "");
    if (renewed !== text) writeFileSync(name, renewed);
  }
}
