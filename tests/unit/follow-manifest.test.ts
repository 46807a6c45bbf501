import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

import { followManifest, readManifest } from "../../src/cli/manifest.ts";
import { AmpsyncError } from "../../src/errors.ts";
import { createLog } from "../../src/log.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ampsync-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const file = (sql: string, name = "mart") => JSON.stringify({ name, tables: { t: { sql } } });

/** Follows a file through these contents, while taking one fails as told; resolves to the queries applied and the events logged. */
async function follow(
  contents: readonly (string | null)[],
  fails: readonly (Error | null)[],
  retries: number,
) {
  const path = join(folder, "dataset.json");
  writeFileSync(path, file("first"));
  const events: string[] = [];
  const log = createLog("info", (line) => void events.push(JSON.parse(line).event));
  const stop = new AbortController();
  const applied: (string | undefined)[] = [];
  const [steps, failures] = [[...contents], [...fails]];
  await followManifest(await readManifest(path, log), {
    apply: async ({ queries }) => {
      applied.push(queries["t"]);
      const failure = failures.shift();
      if (failure) throw failure;
    },
    retries,
    log,
    signal: stop.signal,
    pause: async (ms) => {
      if (ms !== 2_000) return;
      const step = steps.shift();
      if (step === undefined) {
        stop.abort();
        throw new Error("over");
      }
      if (step === null) rmSync(path, { force: true });
      else writeFileSync(path, step);
    },
  });
  return { applied, events };
}

const away = new AmpsyncError("SY104", "away");
const refused = new AmpsyncError("SY004", "refused");
const [loaded, failed] = ["manifest_loaded", "manifest_reload_failed"];

test("a changed file is applied once", async () => {
  expect(await follow([file("a"), file("a"), file("b")], [], 3)).toEqual({
    applied: ["a", "b"],
    events: [loaded, loaded, loaded],
  });
});

test("what fails for the moment is repeated as often as HOT_RELOAD_MAX_RETRIES says", async () => {
  expect((await follow([file("a")], [away, away, null], 2)).applied).toEqual(["a", "a", "a"]);
  expect(await follow([file("a")], [away, away], 1)).toEqual({
    applied: ["a", "a"],
    events: [loaded, loaded, failed],
  });
});

test("what is refused is not repeated, and does not end the watch", async () => {
  expect(await follow([file("a"), file("a"), file("b")], [refused], 3)).toEqual({
    applied: ["a", "b"],
    events: [loaded, loaded, failed, loaded],
  });
});

test("a file that is wrong, gone or of another name is said once each, and nothing is applied", async () => {
  expect(await follow(["{", "{", null, null, file("a", "other"), file("a", "other")], [], 3)).toEqual({
    applied: [],
    events: [loaded, failed, failed, loaded, failed],
  });
});
