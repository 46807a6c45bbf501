import type { Oddities } from "../../../../src/devserver/http/records/oddities.ts";
import type { Dice } from "../../dice.ts";
import { DATA } from "../source-fleet.ts";
import { type Cases, casesOf, equal, few, type Made, type Outcome, stops } from "./fault-case.ts";

const columns = (given: Readonly<Record<string, string>>) => ({
  columns: { id: "text", ...given, data: DATA },
});
const AMOUNT = columns({ amount: "numeric" });
const UPDATED = columns({ updated_at: "timestamptz" });

const odd =
  (oddities: (roll: Dice) => Oddities, outcome: Outcome, others: Partial<Made> = {}) =>
  (roll: Dice): Made => ({
    api: { records: few(roll), oddities: oddities(roll) },
    outcome,
    ...others,
  });

/** Some records are set aside, all others are there. */
const aside = (
  oddities: (roll: Dice) => Oddities,
  isBad: (text: string) => boolean,
  source: Made["source"] & object,
) =>
  odd(oddities, equal, {
    source,
    valuePolicy: "quarantine",
    truth: (api) => api.records().filter((text) => !isBad(text)),
  });

/** What nul_policy makes of escapes that PostgreSQL cannot hold. */
const replaced = (by: string) => (text: string) =>
  text.replaceAll(/(?<!\\)((?:\\\\)*)\\u(?:0000|d800)/g, `$1${by}`);

const one =
  (least: number, most: number) =>
  (name: keyof Oddities) =>
  (roll: Dice): Oddities => ({ [name]: roll(least, most) });
const some = one(3, 40);
/** So few that the table can hold each of their fields. */
const all = one(1, 1);

export const RECORD_CASES = casesOf({
  "records without a time": odd(some("absentTime"), equal, { source: UPDATED }),
  "records with a null for a time": odd(some("nullTime"), equal, { source: UPDATED }),
  "times in five forms": odd(all("mixedTimes"), equal, { source: UPDATED }),
  "a mark that is null or absent": odd((roll) => ({ nullTime: roll(2, 9), absentTime: roll(2, 9) }), equal, {
    source: { range: { field: "/updated_at", since: "since", format: "iso_ms" } },
    later: (api) => api.append(20),
  }),
  "a time that is none": odd(some("badTime"), stops("SY203"), { source: UPDATED }),
  "a time that is none, set aside": aside(some("badTime"), (text) => text.includes("not a time"), UPDATED),
  "a time that is none, made NULL": odd(some("badTime"), equal, { source: UPDATED, valuePolicy: "null" }),
  "records without a key": odd(some("absentKey"), stops("SY203")),
  "records without a key, set aside": aside(some("absentKey"), (text) => !text.includes('"id":'), {}),
  "records with a null for a key, set aside": aside(
    some("nullKey"),
    (text) => text.includes('"id":null'),
    {},
  ),
  "integers of 23 digits": odd(all("bigInteger"), equal, { source: AMOUNT }),
  "a new field": odd(some("newField"), equal),
  "a new field that becomes a column": odd(some("newField"), equal, { source: { schema: "evolve" } }),
  "a field of another type": odd(some("retyped"), stops("SY203"), { source: AMOUNT }),
  "a field of another type, set aside": aside(some("retyped"), (text) => text.includes('"twelve"'), AMOUNT),
  "a field of another type, made NULL": odd(some("retyped"), equal, { source: AMOUNT, valuePolicy: "null" }),
  "a field of another type, in a table that grows": odd(some("retyped"), stops("SY203"), {
    source: { ...AMOUNT, schema: "evolve" },
  }),
  "an object used as a map": odd(all("map"), equal, { source: { schema: "evolve" } }),
  "a field for each record": odd(all("keys"), equal),
  "a column for each record": odd(all("keys"), stops("SY201"), { source: { schema: "evolve" } }),
  "U+0000 in texts": odd(some("nul"), equal, { truth: (api) => api.records().map(replaced("\ufffd")) }),
  "U+0000 in texts, taken out": odd(some("nul"), equal, {
    nulPolicy: "strip",
    truth: (api) => api.records().map(replaced("")),
  }),
  "U+0000 in texts, refused": odd(some("nul"), stops("SY203"), {
    nulPolicy: "fail",
    truth: (api) => api.records().filter((text) => !text.includes("u0000")),
  }),
  "lone surrogates": odd(some("surrogate"), equal, { truth: (api) => api.records().map(replaced("\ufffd")) }),
  "a backslash before u0000": odd(all("noNul"), equal),
  "records that are no JSON": odd(some("notJson"), stops("SY203"), {
    truth: (api) => api.records().filter((text) => !text.includes("NaN")),
  }),
  "records that are no JSON, set aside": aside(some("notJson"), (text) => text.includes("NaN"), {}),
  "a comma that is missing, set aside": aside(some("missingComma"), (text) => text.includes('1.5 "tax"'), {}),
  "numbers that PostgreSQL cannot hold, set aside": aside(
    some("notJsonb"),
    (text) => text.includes("1e999999"),
    {},
  ),
  "texts in ISO 8859-1": (roll) => ({
    api: { records: few(roll), oddities: { umlaut: 1 }, faults: { each: { latin1: "told" } } },
    outcome: equal,
  }),
  "texts in ISO 8859-1 that nobody told of": (roll) => ({
    api: { records: few(roll), oddities: { umlaut: 1 }, faults: { each: { latin1: "untold" } } },
    outcome: equal,
    truth: (api) => api.records().map((text) => text.replace("Grüße", "Gr\ufffd\ufffde")),
  }),
} satisfies Cases);
