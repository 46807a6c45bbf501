// Of what takes long and seldom finds anything, each commit runs a part in its turn: what .ci/run asks here.
// Usage: ci-turn.mjs large [turn]   prints the files of tests/large of this commit: a third of them
//        ci-turn.mjs pg [turn]      prints the other version of PostgreSQL: the oldest or the newest
// With CASES=all, or where git knows no commit: all of them.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

const LARGE = "tests/large/";
const TURNS = 3;

/** A number that is the same wherever this commit is tested; null: nobody knows the commit, or all is wanted. */
function turnOf() {
  if (process.env["CASES"] === "all") return null;
  if (given !== undefined) return Number(given);
  try {
    const commit = execFileSync("git", ["rev-parse", "HEAD"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return Number.parseInt(commit.slice(0, 6), 16);
  } catch {
    return null;
  }
}

/** Longest first, dealt in turn, so that no third takes longer than another. */
function largeFiles() {
  const seconds = (name) =>
    Number(/^\/\/ Takes (\d+) s\.$/m.exec(readFileSync(LARGE + name, "utf8"))?.[1] ?? 0);
  return readdirSync(LARGE)
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => ({ name, takes: seconds(name) }))
    .sort((a, b) => b.takes - a.takes || (a.name < b.name ? -1 : 1))
    .map(({ name }) => LARGE + name);
}

const [what, given] = process.argv.slice(2);
const turn = turnOf();
if (what === "large") {
  for (const [at, file] of largeFiles().entries()) {
    if (turn === null || at % TURNS === turn % TURNS) console.log(file);
  }
} else {
  const versions = ["15", "18"];
  for (const [at, version] of versions.entries()) {
    if (turn === null || at === turn % versions.length) console.log(version);
  }
}
