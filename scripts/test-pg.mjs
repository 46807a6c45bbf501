// Runs the tests on another major version of PostgreSQL, by the packages in tools/development:
//   npm run test:pg -- 16 [--short] [arguments of vitest]
// All tests of SQL and of workers; with --short those in which versions of PostgreSQL may differ most.
import { spawnSync } from "node:child_process";

/** The rules in SQL, locks and the catalogue; then one whole path for each way in which rows are written. */
const SHORT = [
  ...["tests/schema", "tests/sql", "tests/race"],
  ...["cli", "generated", "indexes", "reorgs", "resync", "schema-evolution", "upgrade"].map(
    (name) => `tests/flow/${name}.test.ts`,
  ),
];

const [major = "", ...rest] = process.argv.slice(2);
if (!/^\d+$/.test(major)) {
  console.error("Usage: npm run test:pg -- 15|16|17|18 [--short] [arguments of vitest]");
  process.exit(2);
}
const isShort = rest.includes("--short");
const args = [...(isShort ? SHORT : []), ...rest.filter((arg) => arg !== "--short")];
const { status } = spawnSync("vitest", ["run", "--project=sql", "--project=process", ...args], {
  stdio: "inherit",
  env: { ...process.env, AMPSYNC_TEST_POSTGRES: major },
});
process.exitCode = status ?? 1;
