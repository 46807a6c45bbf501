import { readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import { SETTINGS, type Setting } from "../../src/config/settings.ts";
import { parseConfig } from "../../src/config.ts";
import { LOG_LEVELS } from "../../src/model/log-levels.ts";
import { withSettings } from "../support/settings-page.ts";

const page = readFileSync(new URL("../../docs/configuration.md", import.meta.url), "utf8");

const parse = (env: Record<string, string> = {}) => parseConfig({ DATASET: "eth", ...env }, () => "", "sync");
const parseIngestion = (env: Record<string, string>) =>
  parseConfig(
    { PGHOST: "localhost", API_BASE_URL: "https://api.example", API_KEY: "k", ...env },
    () => "",
    "ingest",
  );
const parseGateway = (env: Record<string, string> = {}) =>
  parseConfig({ PGHOST: "localhost", AMPSYNC_AUTH: "none", ...env }, () => "", "gateway");
const database = (env: Record<string, string>) =>
  parse({ DATABASE_USER: "me", DATABASE_NAME: "sync", ...env }).databaseUrl;

const settings = Object.entries(SETTINGS as Readonly<Record<string, Setting>>).map(([setting, rest]) => ({
  setting,
  ...rest,
}));

/** What the program does without a setting, where it can be told from outside. */
function standardOf(setting: string): string | undefined {
  if (setting === "databaseHost") return new URL(database({})!).hostname;
  if (setting === "databasePort") return new URL(database({})!).port;
  if (setting === "logLevels") return parse().logLevels.rest;
  const config: object = parse();
  const found: unknown = Reflect.get(config, setting);
  if (found instanceof URL) return found.origin;
  return typeof found === "string" || typeof found === "number" ? String(found) : undefined;
}

test("docs/configuration.md has the settings of the program", () => {
  expect(withSettings(page)).toBe(page);
  for (const { names } of settings) {
    for (const name of names) expect(page).toContain(`\`${name}\``);
  }
});

// What a dataset has without its settings is for enqueue_sync to say; what an API has, for config-ingestion.test.ts, and
// what a gateway has, for config-gateway.test.ts.
const elsewhere = ["dataset", "ingestion", "gateway"];
test.each(settings.filter(({ scope }) => !elsewhere.includes(scope)))(
  "$setting has the documented default, and a meaning",
  ({ setting, standard, about }) => {
    expect(standardOf(setting)).toBe(standard);
    expect(about).not.toBe("");
  },
);

test("no name, flag or letter belongs to two settings", () => {
  for (const all of [
    settings.flatMap(({ names }) => names),
    settings.flatMap(({ flags = [] }) => flags),
    settings.flatMap(({ short }) => short ?? []),
  ]) {
    expect(new Set(all).size).toBe(all.length);
  }
});

const numbers = settings.flatMap(({ names: [name], scope, range, recommended }) =>
  range === undefined ? [] : [{ name, scope, low: range[0], high: range[1], recommended }],
);

describe("of the settings that are numbers", () => {
  test("nineteen have a range", () => {
    expect(numbers).toHaveLength(19);
  });

  test.each(numbers)("$name takes $low to $high and nothing beyond", ({ name, scope, low, high }) => {
    const reader = scope === "ingestion" ? parseIngestion : scope === "gateway" ? parseGateway : database;
    const read = (number: number) => reader({ [name]: `${number}` });
    for (const number of [low, high]) expect(() => read(number)).not.toThrow();
    for (const number of [low - 1, high + 1]) expect(() => read(number)).toThrow(`from ${low} to ${high}`);
  });

  const advised = numbers.flatMap(({ name, low, high, recommended }) =>
    recommended === undefined ? [] : [{ name, low, high, from: recommended[0], to: recommended[1] }],
  );

  test("three have recommended values", () => {
    expect(advised).toHaveLength(3);
  });

  test.each(advised)("$name outside $from to $to is taken with a warning", ({ name, low, from, to }) => {
    for (const usual of [from, to]) expect(parse({ [name]: `${usual}` }).warnings).toEqual([]);
    for (const unusual of [from - 1, to + 1].filter((number) => number >= low)) {
      expect(parse({ [name]: `${unusual}` }).warnings).toEqual([
        `${name}=${unusual} is outside the recommended ${from} to ${to}`,
      ]);
    }
  });
});

test("the documented log levels are those of the program", () => {
  expect(SETTINGS.logLevels.accepts).toBe(`off, ${LOG_LEVELS.join(", ")}, or a list`);
});
