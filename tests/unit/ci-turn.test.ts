import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";

import { expect, test } from "vitest";

const ROOT = new URL("../..", import.meta.url);

function turn(...args: string[]): readonly string[] {
  const env = { ...process.env, CASES: "" };
  const { stdout } = spawnSync(process.execPath, ["scripts/ci-turn.mjs", ...args], {
    cwd: ROOT,
    encoding: "utf8",
    env,
  });
  return stdout.trim().split("\n");
}

test("three commits of different turns run each file of production size once", () => {
  const turns = ["0", "1", "2"].map((n) => turn("large", n));
  expect(turns.flat().sort()).toEqual(globSync("tests/large/*.test.ts", { cwd: ROOT }).sort());
  for (const files of turns) expect(files.length).toBeGreaterThan(4);
});

test("two of them run the oldest and the newest PostgreSQL", () => {
  expect(["0", "1"].flatMap((n) => turn("pg", n))).toEqual(["15", "18"]);
});
