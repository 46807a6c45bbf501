// What .ci/run runs beside `npm test`: it takes long and seldom finds anything, so each commit runs a part, in its turn.
// Usage: ci-turn.mjs [turn]   prints a line for each run: the script of npm and its arguments
// With CASES=all, or where git knows no commit: everything.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

const LARGE = "tests/large/";
/** Parts of equal length that the tests of production size are dealt into. */
const LARGE_PARTS = 3;

/**
 * Version 17 is the one that all tests have run on; 16 lies between. What is new in SQL fails on the oldest first, hence
 * more of them there.
 */
const OTHER_VERSIONS = [
  [
    "test:pg 15 --short tests/flow/schema-evolution tests/sql/history/cut tests/sql/index/plan-indexes",
    ...["adopt", "commit-pages", "end-pass", "evolve", "views"].map((name) => `tests/sql/ingest/${name}`),
    "tests/sql/resync/swap-resync tests/sql/version/plan-evolution",
  ].join(" "),
  "test:pg 18 --short",
];

/** A number that is the same wherever this commit is tested; null: nobody knows the commit, or all is wanted. */
function turnOf(given) {
  if (process.env["CASES"] === "all") return null;
  if (given !== undefined) return Number(given);
  try {
    const options = { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] };
    return Number.parseInt(execFileSync("git", ["rev-parse", "HEAD"], options).slice(0, 6), 16);
  } catch {
    return null;
  }
}

/** Longest first, dealt in turn, so that no part takes longer than another. */
function partsOfLarge() {
  const seconds = (name) =>
    Number(/^\/\/ Takes (\d+) s\.$/m.exec(readFileSync(LARGE + name, "utf8"))?.[1] ?? 0);
  const files = readdirSync(LARGE)
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => ({ name, takes: seconds(name) }))
    .sort((a, b) => b.takes - a.takes || (a.name < b.name ? -1 : 1));
  return Array.from({ length: LARGE_PARTS }, (_, part) => {
    const own = files.filter((_, at) => at % LARGE_PARTS === part);
    return [`test:large ${own.map(({ name }) => LARGE + name).join(" ")}`];
  });
}

const parts = [...partsOfLarge(), OTHER_VERSIONS];
const turn = turnOf(process.argv[2]);
for (const [at, runs] of parts.entries()) {
  if (turn === null || at === turn % parts.length) for (const run of runs) console.log(run);
}
