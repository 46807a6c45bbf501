import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";

import { expect, test } from "vitest";

const ROOT = new URL("../..", import.meta.url);

/** The runs of a turn. */
function turn(n: number): readonly string[] {
  const env = { ...process.env, CASES: "" };
  const { stdout } = spawnSync(process.execPath, ["scripts/ci-turn.mjs", String(n)], {
    cwd: ROOT,
    encoding: "utf8",
    env,
  });
  return stdout.trim().split("\n");
}

test("four commits in turn run each file of production size once, and the oldest and the newest PostgreSQL", () => {
  const runs = [0, 1, 2, 3].flatMap(turn).map((run) => run.split(" "));
  const large = runs.filter(([script]) => script === "test:large").map(([_, ...files]) => files);
  expect(large.flat().sort()).toEqual(globSync("tests/large/*.test.ts", { cwd: ROOT }).sort());
  for (const files of large) expect(files.length).toBeGreaterThan(4);
  expect(runs.filter(([script]) => script === "test:pg").map(([_, version]) => version)).toEqual([
    "15",
    "18",
  ]);
});

test("a turn comes again after four", () => {
  expect(turn(6)).toEqual(turn(2));
});
