import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

const ROOT = new URL("../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, ROOT), "utf8");

/** Each row of docs/spec.md with such a number, and the tests that it names: the file, and what each is called. */
const proofs = [...read("docs/spec.md").matchAll(/^\| ((?:HN?|C[NP]|DN|L)\d+) \| .* \| (.*) \|$/gm)].map(
  ([, number = "", cell = ""]) => ({
    number,
    isOpen: /(^|; )open: \S/.test(cell),
    tests: [...cell.matchAll(/(tests\/[\w./-]+): ("[^"]*"(?:, "[^"]*")*)/g)].flatMap(
      ([, file = "", titles = ""]) =>
        [...titles.matchAll(/"([^"]*)"/g)].map(([, title = ""]) => ({ file: `${file}.test.ts`, title })),
    ),
  }),
);
/** What is not shown yet, or in part, as its row says. */
const OPEN = ["DN13 DN14 DN22 DN26 DN27 DN37", "L2 L14 L19 L22 L23"].flatMap((line) => line.split(" "));
/** Of the proofs of change capture, the one that is measured. */
const MEASURED = "CP25";
const numbers = (letters: string, last: number) =>
  Array.from({ length: last }, (_, n) => `${letters}${n + 1}`);

test("every proof of HTTP sources, of change capture and of delivery is named and there, or said to be open", () => {
  expect(proofs.map(({ number }) => number)).toEqual([
    ...[...numbers("HN", 46), ...numbers("H", 60), ...numbers("CN", 43)],
    ...numbers("CP", 34).filter((number) => number !== MEASURED),
    ...[...numbers("DN", 38), ...numbers("L", 33)],
  ]);
  expect(proofs.filter(({ isOpen }) => isOpen).map(({ number }) => number)).toEqual(OPEN);
  expect(proofs.filter(({ isOpen, tests }) => !isOpen && tests.length === 0)).toEqual([]);
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
