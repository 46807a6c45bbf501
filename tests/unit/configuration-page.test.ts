import { readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import { parseConfig, VARIABLES } from "../../src/config.ts";
import { LOG_LEVELS } from "../../src/log.ts";

const page = readFileSync(new URL("../../docs/configuration.md", import.meta.url), "utf8");

const parse = (env: Record<string, string> = {}) => parseConfig(env, () => "");
const database = (env: Record<string, string>) =>
  parse({ DATABASE_USER: "me", DATABASE_NAME: "sync", ...env }).databaseUrl;

/** The rows of the table, in order. */
const rows = page
  .split("\n")
  .filter((line) => line.startsWith("| `"))
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .map(([, names = "", standard = "", accepted = "", meaning = ""]) => ({
    names: [...names.matchAll(/`(\w+)`/g)].map(([, name = ""]) => name),
    standard: standard.replaceAll("`", ""),
    accepted,
    meaning,
  }));
const settings = Object.keys(VARIABLES) as (keyof typeof VARIABLES)[];

/** What the program does with a setting, where it can be told from outside. */
function value(setting: string, env: Record<string, string> = {}): string {
  if (setting === "databaseHost") return new URL(database(env)!).hostname;
  if (setting === "databasePort") return new URL(database(env)!).port;
  const config: object = parse(env);
  const found: unknown = Reflect.get(config, setting);
  if (found instanceof URL) return found.origin;
  return typeof found === "string" || typeof found === "number" ? String(found) : "";
}

test("docs/configuration.md lists every variable, in order and each once", () => {
  expect(rows.map(({ names }) => names)).toEqual(Object.values(VARIABLES));
});

test.each(settings.map((setting, at) => ({ setting, ...rows[at]! })))(
  "$setting has the documented default, and a meaning",
  ({ setting, standard, meaning }) => {
    expect(value(setting)).toBe(standard);
    expect(meaning).not.toBe("");
  },
);

const numbers = rows.flatMap(({ names: [name = ""], accepted }) => {
  const [, low, high] = /^(\d+) to (\d+)/.exec(accepted) ?? [];
  return low === undefined ? [] : [{ name, low: Number(low), high: Number(high), accepted }];
});

describe("of the settings that are numbers", () => {
  test("six are documented", () => {
    expect(numbers).toHaveLength(6);
  });

  test.each(numbers)("$name takes $low to $high and nothing beyond", ({ name, low, high }) => {
    for (const number of [low, high]) expect(() => database({ [name]: `${number}` })).not.toThrow();
    for (const number of [low - 1, high + 1]) {
      expect(() => database({ [name]: `${number}` })).toThrow(`from ${low} to ${high}`);
    }
  });

  const recommended = numbers.flatMap(({ name, accepted }) => {
    const [, low, high] = /recommended (\d+) to (\d+)$/.exec(accepted) ?? [];
    return low === undefined ? [] : [{ name, low: Number(low), high: Number(high) }];
  });

  test("two have recommended values", () => {
    expect(recommended).toHaveLength(2);
  });

  test.each(recommended)("$name outside $low to $high is taken with a warning", ({ name, low, high }) => {
    for (const usual of [low, high]) expect(parse({ [name]: `${usual}` }).warnings).toEqual([]);
    for (const unusual of [low - 1, high + 1]) {
      expect(parse({ [name]: `${unusual}` }).warnings).toEqual([
        `${name}=${unusual} is outside the recommended ${low} to ${high} seconds`,
      ]);
    }
  });
});

test("the documented log levels are those of the program", () => {
  expect(rows.at(-1)!.accepted.split(", ")).toEqual(LOG_LEVELS);
});
