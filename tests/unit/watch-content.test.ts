import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";

import { watchContent } from "../../src/manifest/watch-content.ts";

type Step = (path: string) => void;

const write =
  (text: string): Step =>
  (path) =>
    writeFileSync(path, text);
const remove: Step = (path) => rmSync(path);
const nothing: Step = () => {};
const replace =
  (text: string): Step =>
  (path) => {
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  };

/** Watches a file that holds `a`, with one step in each pause; resolves to what was noticed and how long was paused. */
async function watch(...steps: readonly Step[]) {
  const folder = mkdtempSync(join(tmpdir(), "ampsync-"));
  const path = join(folder, "dataset.json");
  write("a")(path);
  const noticed: (string | null)[] = [];
  const pauses: number[] = [];
  const left = [...steps];
  try {
    await watchContent({
      content: "a",
      read: async () => {
        try {
          return readFileSync(path, "utf8");
        } catch {
          return null;
        }
      },
      onChange: async (content) => void noticed.push(content),
      pause: async (ms) => {
        pauses.push(ms);
        const step = left.shift();
        if (step === undefined) throw new Error("over");
        step(path);
      },
    }).catch((error) => expect(error.message).toBe("over"));
  } finally {
    rmSync(folder, { recursive: true });
  }
  return { noticed, pauses };
}

test("relevant_event_modify: a file that is written is noticed once, when it has settled for 0.5 s", async () => {
  expect(await watch(nothing, write("b"), nothing, nothing)).toEqual({
    noticed: ["b"],
    pauses: [2_000, 2_000, 500, 2_000, 2_000],
  });
});

test("relevant_event_rename: so is a file that is renamed onto the path", async () => {
  expect((await watch(replace("b"), nothing, replace("c"), nothing)).noticed).toEqual(["b", "c"]);
});

test("relevant_event_create: so is one that is made again; that it was gone is noticed too", async () => {
  expect((await watch(remove, nothing, write("a"), nothing)).noticed).toEqual([null, "a"]);
  expect((await watch(remove, write("b"), nothing)).noticed).toEqual(["b"]);
});

test("relevant_event_none: the same content, written again or for a moment another one, is not", async () => {
  expect((await watch(write("a"), replace("a"), nothing)).noticed).toEqual([]);
  expect((await watch(write("half"), write("a"), nothing)).noticed).toEqual([]);
});

test("what is still being written is not read", async () => {
  expect(await watch(write("b"), write("bc"), write("bcd"), nothing)).toEqual({
    noticed: ["bcd"],
    pauses: [2_000, 500, 500, 500, 2_000],
  });
});
