import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { textAt } from "../../../src/http/json.ts";
import { type Page, splitRecords } from "../../../src/http/split-records.ts";

const RUNS = Number(process.env["AMPSYNC_TEST_RUNS"] ?? 200);

/** What becomes of a body: its records and the rest, or that it is refused. */
function split(json: string | Uint8Array, pointer = "/data"): { records: string[] | null; outside: string } {
  const body = Buffer.from(json);
  const page = splitRecords(body, pointer);
  return { records: recordsOf(body, page), outside: Buffer.from(page.outside).toString() };
}

function recordsOf(body: Buffer, { records }: Page): string[] | null {
  if (records === null) return null;
  return Array.from({ length: records.count }, (_, i) =>
    body.toString("utf8", records.starts[i], records.ends[i]),
  );
}

const refused = (json: string | Uint8Array, pointer = "/data") => {
  expect(() => split(json, pointer)).toThrow(expect.objectContaining({ code: "SY303" }));
};

/** JSON of every shape, printed in every way. */
const value = fc.jsonValue({ maxDepth: 3 });
const printed = (json: fc.Arbitrary<unknown>) =>
  fc.tuple(json, fc.constantFrom(undefined, 1, "\t", "\r\n")).map(([any, indent]) => spaced(any, indent));

/** Escapes of every kind, and white space where it may stand. */
function spaced(any: unknown, indent: string | number | undefined): string {
  const text = JSON.stringify(any, null, indent);
  return indent === "\t"
    ? text.replace(/[é-￿]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)
    : text;
}

/** A document with an array at the pointer, in all kinds of company. */
const document = fc
  .record({
    records: fc.array(value, { maxLength: 6 }),
    before: fc.dictionary(fc.string(), value, { maxKeys: 2 }),
    after: fc.dictionary(fc.string(), value, { maxKeys: 2 }),
    place: fc.constantFrom("", "/data", "/data/items", "/pages/1", "/a~1b/m~0n", "/é\n/0/\\"),
  })
  .chain(({ records, before, after, place }) => {
    const parts = place.split("/").slice(1);
    const whole = parts.reduceRight<unknown>((inner, part) => {
      const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
      return /^\d$/.test(name)
        ? [...Array(Number(name)).fill(null), inner, 7]
        : { ...before, [name]: inner, ...after };
    }, records);
    return printed(fc.constant(whole)).map((json) => ({ json, place, whole }));
  });

/** What JSON.parse makes of the value at a pointer; undefined: there is none. */
function oracle(any: unknown, pointer: string): unknown {
  let at = any;
  for (const escaped of pointer.split("/").slice(1)) {
    const part = escaped.replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, part)) return undefined;
    at = Reflect.get(at, part);
  }
  return at;
}

describe("a body is split", () => {
  test("where JSON.parse sees the records, whatever surrounds them and however it is printed", () => {
    fc.assert(
      fc.property(document, ({ json, place }) => {
        const parsed: unknown = JSON.parse(json);
        const expected = oracle(parsed, place);
        const { records, outside } = split(json, place);
        if (!Array.isArray(expected)) {
          expect(records).toBeNull();
          expect(outside).toBe(json);
          return;
        }
        expect(records?.map((record) => JSON.parse(record))).toEqual(expected);
        expected.length = 0;
        expect(JSON.parse(outside)).toEqual(parsed);
      }),
      { numRuns: RUNS },
    );
  });

  test.each([
    ["an empty array", `{"data":[]}`, [], `{"data":[]}`],
    ["white space of all four kinds", '\t{ "data" :\r\n[ 1 ,\n2 ] } ', ["1", "2"], '\t{ "data" :\r\n[] } '],
    [
      "brackets and commas in strings",
      `{"data":["],[","{}","\\"]\\\\"]}`,
      [`"],["`, `"{}"`, `"\\"]\\\\"`],
      `{"data":[]}`,
    ],
    [
      "numbers that JavaScript would change",
      `{"data":[12345678901234567890123,1.10,1e400]}`,
      ["12345678901234567890123", "1.10", "1e400"],
      `{"data":[]}`,
    ],
    [
      "records that are no JSON",
      `{"data":[NaN,{"a":1 "b":2},{"a":01},[1 2]]}`,
      ["NaN", `{"a":1 "b":2}`, `{"a":01}`, "[1 2]"],
      `{"data":[]}`,
    ],
    [
      "a name that is there twice: the last one counts",
      `{"data":[1],"data":[2]}`,
      ["2"],
      `{"data":[1],"data":[]}`,
    ],
    ["a name that is written with escapes", `{"d\\u0061ta":[1]}`, ["1"], `{"d\\u0061ta":[]}`],
    [
      "an array of that name further inside",
      `{"x":{"data":[1]},"data":[2]}`,
      ["2"],
      `{"x":{"data":[1]},"data":[]}`,
    ],
  ])("with %s", (_, json, records, outside) => {
    expect(split(json)).toEqual({ records, outside });
  });

  test("at the pointer that the definition gives, array parts included", () => {
    expect(split("[1,2]", "").records).toEqual(["1", "2"]);
    expect(split(`{"hits":{"hits":[1]}}`, "/hits/hits").records).toEqual(["1"]);
    expect(split(`[{"total":1},[{"id":5}]]`, "/1").records).toEqual([`{"id":5}`]);
    expect(split(`{"a/b":{"m~n":[1]}}`, "/a~1b/m~0n").records).toEqual(["1"]);
    expect(split(`{"":[1]}`, "/").records).toEqual(["1"]);
  });

  test.each(["/-1", "/01", "/ 1", "/-", "/1e0", "/x", "/2"])("and an array has no part %s", (pointer) => {
    expect(split("[[1],[2]]", pointer).records).toBeNull();
  });

  test.each([
    [`{"data":null}`, "null"],
    [`{"data": null }`, "null"],
    [`{}`, "nothing"],
    [`7`, "nothing"],
    [`{"data":{"0":1}}`, "another value"],
    [`{"data":"[]"}`, "another value"],
    [`{"data":[1],"data":null}`, "null"],
  ])("%s has no array but %s", (json, instead) => {
    expect(splitRecords(Buffer.from(json), "/data")).toMatchObject({ records: null, instead });
  });
});

describe("a body is refused", () => {
  test("wherever it is cut", () => {
    const whole = `{"data":[{"a":"x\\"y"},[1,[2]],"z",3.5,null],"next":{"c":["é",true]}}`;
    const bytes = Buffer.from(whole);
    expect(split(bytes).records).toHaveLength(5);
    for (let cut = 0; cut < bytes.length; cut++) {
      refused(bytes.subarray(0, cut));
    }
  });

  test.each([
    ["nothing", ""],
    ["white space alone", " \n"],
    ["something behind its end", `{"data":[]}x`],
    ["two documents", `{"data":[]}{"data":[]}`],
    ["no comma between records", `{"data":[{} {}]}`],
    ["no comma between a record and a number", `{"data":[{}1]}`],
    ["a space inside a number", `{"data":[1 2]}`],
    ["two commas between records", `{"data":[1,,2]}`],
    ["a comma before the first record", `{"data":[,1]}`],
    ["a comma behind the last record", `{"data":[1,]}`],
    ["a colon between records", `{"data":[1:2]}`],
    ["brackets that do not match in a record", `{"data":[{"a":[1}]]}`],
    ["brackets that do not match around the records", `{"data":[1}`],
    ["one bracket too many", `{"data":[1]]}`],
    ["a name without quotes", `{data:[1]}`],
    ["a name with a broken escape", `{"d\\x":[1]}`],
    ["a number in the place of a name", `{1:[1]}`],
    ["no colon", `{"data" [1]}`],
    ["no JSON beside the records", `{"data":[1],"next":NaN}`],
    ["a comma behind the last member", `{"data":[1],}`],
    ["a line break in a string beside the records", `{"data":[1],"next":"a\nb"}`],
    ["a web page", `<html><body>[1]</body></html>`],
    ["a byte order mark", `\uFEFF{"data":[1]}`],
    ["white space of another kind", `{"data":[1,\u00a02]}\u00a0`],
  ])("that is %s", (_, json) => {
    refused(json);
  });

  test("whose rest would take much memory when it is parsed", () => {
    refused(`{"x":${"[".repeat(200_000)}${"]".repeat(200_000)},"data":[1]}`);
    refused(`{"x":[${"1,".repeat(1_100_000)}1],"data":[1]}`);
  });

  test("with the place, and what stands there", () => {
    expect(() => split(`{"data":[{} ;2]}`)).toThrow(
      expect.objectContaining({
        message: "The answer is not JSON",
        detail: `At byte 12: ";2]}" stands where a comma or the end of the list is expected.`,
      }),
    );
  });
});

test("a body with any byte changed, lost or doubled is split only if JSON.parse agrees, records that are no JSON apart", () => {
  const mutation = fc.record({
    at: fc.nat(),
    byte: fc.constantFrom(...Buffer.from(`[]{},:"\\ 1a\n`)),
    kind: fc.constantFrom("change", "lose", "add"),
  });
  fc.assert(
    fc.property(
      document,
      fc.array(mutation, { minLength: 1, maxLength: 2 }),
      ({ json, place }, mutations) => {
        const bytes = [...Buffer.from(json)];
        for (const { at, byte, kind } of mutations) {
          bytes.splice(at % (bytes.length + 1), kind === "add" ? 0 : 1, ...(kind === "lose" ? [] : [byte]));
        }
        const body = Buffer.from(bytes);
        const parsed = attempt(() => JSON.parse(body.toString()) as unknown);
        const page = attempt(() => split(body, place));
        if (parsed !== null) {
          expect(page).not.toBeNull(); // Whatever is JSON is split.
          const expected = oracle(parsed.value, place);
          expect(page?.value.records?.map((record) => JSON.parse(record)) ?? null).toEqual(
            Array.isArray(expected) ? expected : null,
          );
        } else if (page !== null) {
          const { records, outside } = page.value;
          expect(() => JSON.parse(outside)).not.toThrow();
          expect(records?.some((record) => attempt(() => JSON.parse(record)) === null)).toBe(true);
        }
      },
    ),
    { numRuns: RUNS * 3 },
  );
});

function attempt<T>(make: () => T): { value: T } | null {
  try {
    return { value: make() };
  } catch {
    return null;
  }
}

test("records may be 200,000 levels deep", () => {
  const deep = `${'{"a":['.repeat(100_000)}${"]}".repeat(100_000)}`;
  expect(split(`{"data":[1,${deep},2]}`).records).toEqual(["1", deep, "2"]);
  refused(`{"data":[1,${deep.replace("]}]}", "]]}}")},2]}`);
});

test("50,000 records are found, and each in its place", () => {
  const records = Array.from({ length: 50_000 }, (_, i) => `{"id":${i},"text":"[{\\"${i}"}`);
  expect(split(`{"data":[${records.join(",")}]}`).records).toEqual(records);
});

describe("the text of a value is found", () => {
  test.each([
    ["/n", "123456789012345678901234567890"],
    ["/f", "1e2"],
    ["/s", `"a\\u0000\\"b"`],
    ["/o", `{"z": 1, "a": [1.10, {"z":1,"z":2}] }`],
    ["/o/a/1", `{"z":1,"z":2}`],
    ["/o/a/1/z", "2"],
    ["/l/0", "true"],
    ["/l", "[ true ]"],
    ["/nothing", null],
    ["/n/x", null],
    ["/l/1", null],
    ["/l/00", null],
    ["/o/0", null],
    ["/0", "-0"],
    ["/__proto__", "7"],
    ["/toString", null],
  ])("at %s: %s, byte for byte", (pointer, text) => {
    const json = `{"n":123456789012345678901234567890,"f":1e2,"s":"a\\u0000\\"b",
      "o": {"z": 1, "a": [1.10, {"z":1,"z":2}] },"l":[ true ], "0": -0, "__proto__": 7}`;
    expect(textAt(Buffer.from(json), pointer)).toBe(text);
  });

  test("wherever JSON.parse finds it", () => {
    fc.assert(
      fc.property(document, ({ json, place }) => {
        const expected = oracle(JSON.parse(json), place);
        const text = textAt(Buffer.from(json), place);
        expect(text === null ? undefined : JSON.parse(text)).toEqual(expected);
      }),
      { numRuns: RUNS },
    );
  });
});
