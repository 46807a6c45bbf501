import { globSync, readFileSync } from "node:fs";

import { expect, test } from "vitest";

const ROOT = new URL("../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, ROOT), "utf8");

/** The event of a call of journal: a literal, or one for each case, perhaps chosen before the call. */
const CALL = /(?:ampsync_private\.journal\(\s*\w+(?:\.\w+)?,|v_event :=)\s*('\w+'|case\b.*?\bend\b)/gs;

/** Names of events that SQL journals. */
function journaled(): string[] {
  const calls = globSync("sql/functions/**/*.sql", { cwd: ROOT }).flatMap((path) => [
    ...read(path).matchAll(CALL),
  ]);
  const events = calls.flatMap(([, event = ""]) =>
    event.startsWith("case")
      ? [...event.matchAll(/\b(?:then|else)\s+'(\w+)'/g)].map(([, name = ""]) => name)
      : [event.slice(1, -1)],
  );
  return [...new Set(events)].sort();
}

/** Names of events in the guide, each in the first cell of its row. */
function documented(): string[] {
  const [, section = ""] = read("docs/operations.md").split("\n### Events\n");
  const [table = ""] = section.trimStart().split("\n\n");
  return [...table.matchAll(/^\| (`.*?) \|/gm)]
    .flatMap(([, cell = ""]) => [...cell.matchAll(/`(\w+)`/g)].map(([, name = ""]) => name))
    .sort();
}

test("docs/operations.md explains every event that is journaled, and no other", () => {
  expect(documented().length).toBeGreaterThan(30);
  expect(documented()).toEqual(journaled());
});
