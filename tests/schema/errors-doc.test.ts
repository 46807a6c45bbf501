import { globSync, readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import { reactionTo } from "../../src/model/failure.ts";

const ROOT = new URL("../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, ROOT), "utf8");

/** The codes that a text holds where the pattern finds them, each once. */
function codesIn(text: string, pattern: RegExp): string[] {
  return [...new Set(Array.from(text.matchAll(pattern), ([, code = ""]) => code))].sort();
}

function codesInFiles(glob: string, pattern: RegExp): string[] {
  const all = globSync(glob, { cwd: ROOT }).map(read).join("\n");
  return codesIn(all, pattern);
}

const known = codesIn(read("src/errors.ts"), /\| "(SY\d{3})"/g);
const rows = read("docs/errors.md")
  .split("\n")
  .filter((line) => line.startsWith("| SY"))
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .map(([, code = "", meaning = "", then = "", who = "", example = ""]) => ({
    code,
    meaning,
    then,
    who,
    example,
  }));

describe("the error codes", () => {
  test("are the same in the program and in docs/errors.md, in order and each once", () => {
    expect(known).not.toEqual([]);
    expect(rows.map((row) => row.code)).toEqual(known);
  });

  test("that SQL raises or stores are among them", () => {
    const raised = codesInFiles("sql/{functions,migrations}/**/*.sql", /'(SY\w{3})'/g);
    expect(raised).not.toEqual([]);
    expect(known).toEqual(expect.arrayContaining(raised));
  });

  test("that the program uses are among them", () => {
    expect(known).toEqual(expect.arrayContaining(codesInFiles("src/**/*.ts", /\b(SY\d{3})\b/g)));
  });

  test("are all raised or stored somewhere", () => {
    const bySql = codesInFiles("{sql/functions/**/*.sql,src/client/schema.ts}", /'(SY\w{3})'/g);
    const byTheProgram = codesInFiles("src/**/*.ts", /(?:Error\(\s*|\bcode(?: =|:) )"(SY\d{3})"/g);
    expect([...new Set([...bySql, ...byTheProgram])].sort()).toEqual(known);
  });

  test.each(rows)("$code is explained in full", (row) => {
    for (const cell of Object.values(row)) {
      expect(cell).not.toBe("");
    }
  });

  test.each(rows)("$code does to a stream what docs/errors.md says", ({ code, then }) => {
    const reaction = reactionTo(code);
    expect(/\bstops\b/.test(then)).toBe(reaction === "stop");
    expect(/\bthe pass ends\b/.test(then)).toBe(reaction === "lost");
  });
});
