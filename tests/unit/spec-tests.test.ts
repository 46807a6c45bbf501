import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

const ROOT = new URL("../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, ROOT), "utf8");

/** Each row of docs/spec.md with such a number, and the tests that it names: the file, and what each is called. */
const proofs = [...read("docs/spec.md").matchAll(/^\| ((?:HN?|C[NP])\d+) \| .* \| (.*) \|$/gm)].map(
  ([, number = "", cell = ""]) => ({
    number,
    tests: [...cell.matchAll(/(tests\/[\w./-]+): ("[^"]*"(?:, "[^"]*")*)/g)].flatMap(
      ([, file = "", titles = ""]) =>
        [...titles.matchAll(/"([^"]*)"/g)].map(([, title = ""]) => ({ file: `${file}.test.ts`, title })),
    ),
  }),
);
/** What has none yet. */
const OPEN: readonly string[] = [];
/** Of the proofs of change capture, the one that is measured. */
const MEASURED = "CP25";
const numbers = (letters: string, last: number) =>
  Array.from({ length: last }, (_, n) => `${letters}${n + 1}`);

test("every proof of HTTP sources and of change capture is named, and is there", () => {
  expect(proofs.map(({ number }) => number)).toEqual([
    ...[...numbers("HN", 46), ...numbers("H", 60), ...numbers("CN", 43)],
    ...numbers("CP", 34).filter((number) => number !== MEASURED),
  ]);
  expect(proofs.filter(({ tests }) => tests.length === 0).map(({ number }) => number)).toEqual(OPEN);
  const missing = proofs.flatMap(({ number, tests }) =>
    tests.flatMap(({ file, title }) => (isIn(file, title) ? [] : [`${number}: ${file}: ${title}`])),
  );
  expect(missing).toEqual([]);
});

/** As a test, or one of its cases, is called. */
function isIn(file: string, title: string): boolean {
  const text = read(file);
  return ['"', "'", "`"].some((quote) => text.includes(quote + title.replaceAll("\\|", "|") + quote));
}
