// Runs the tests on another major version of PostgreSQL, by the packages in tools/development:
//   npm run test:pg -- 16 [--short] [arguments of vitest]
// All tests of SQL and of workers; with --short those in which versions of PostgreSQL may differ most.
import { spawnSync } from "node:child_process";

/** Where versions of PostgreSQL may differ: the catalogue, its statements, locks, COPY, errors, replication, dumps. */
const SHORT = [
  "tests/schema",
  "tests/sql/{adopt,commit,doctor,history,index,repair,replace,resync,target,verify,version,view}/",
  "tests/race/{heartbeat,lock-order,replace-target,swap,takeover,wait-for-block}.test",
  "tests/flow/{hot-standby,reorgs,schema-evolution}.test",
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
  env: { ...process.env, AMPSYNC_TEST_POSTGRES: major },
});
process.exitCode = status ?? 1;
