// Runs the tests on another major version of PostgreSQL, by the packages in tools/development:
//   npm run test:pg -- 16 [--short] [arguments of vitest]
// All tests of SQL and of workers; with --short those in which versions of PostgreSQL may differ most.
import { spawnSync } from "node:child_process";

/**
 * Where versions of PostgreSQL may differ: the catalogue, its statements, locks, COPY, errors, replication, dumps; of
 * each such kind what is cheap. What is decided by our tables alone is the same on all.
 */
const SHORT = [
  "tests/schema/{catalogue-lint,compose,hostile-functions,migrate,roles}.test",
  "tests/sql/{capture,commit}/",
  "tests/sql/{adopt/earlier-ampsync,doctor/doctor,log/read-changes,repair/repair-found}.test",
  "tests/sql/{look/found-changes,look/random-forms,publish/columns-and-storage,publish/identity}.test",
  "tests/sql/{recall/access,recall/restore,recall/row-history,recall/table-as-of}.test",
  "tests/sql/{index/next-index-step,verify/verify}.test",
  "tests/sql/{replace/check-replaceable,replace/copy-indexes,replace/everything,replace/replace-target}.test",
  "tests/sql/{target/prepare-target,target/target-hints}.test",
  "tests/sql/{version/adopt-version,version/poll}.test",
  "tests/sql/view/{health-reads,metrics,offered-version,rate-limits,views,workers}.test",
  "tests/race/{capture,heartbeat,lock-order,swap,wait-for-block}.test",
  "tests/flow/{hot-standby,capture/changes}.test",
  "tests/upgrade/migrate.test",
].flatMap(expand);

/** `a/{b,c}` as `a/b` and `a/c`: vitest's filters are parts of paths. */
function expand(path) {
  const [, before, names, after] = path.match(/^(.*)\{(.*)\}(.*)$/) ?? [];
  return names === undefined ? [path] : names.split(",").map((name) => before + name + after);
}

const [major = "", ...rest] = process.argv.slice(2);
if (!/^\d+$/.test(major)) {
  console.error("Usage: npm run test:pg -- 15|16|17|18 [--short] [arguments of vitest]");
  process.exit(2);
}
const isShort = rest.includes("--short");
const args = [...(isShort ? SHORT : []), ...rest.filter((arg) => arg !== "--short")];
const { status } = spawnSync("vitest", ["run", "--project=sql", "--project=process", ...args], {
  stdio: "inherit",
  env: { ...process.env, AMPSYNC_TEST_POSTGRES: major, ...(isShort && { AMPSYNC_TEST_SHORT: "1" }) },
});
process.exitCode = status ?? 1;
