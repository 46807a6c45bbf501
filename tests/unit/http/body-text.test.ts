import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { badEscapeAt } from "../../../src/http/bad-escapes.ts";
import { decodeBody } from "../../../src/http/body-text.ts";
import { cleanRecords, type NulPolicy } from "../../../src/http/clean-records.ts";
import { splitRecords } from "../../../src/http/split-records.ts";

const JSON_TYPE = "application/json";
const text = (bytes: readonly number[] | Buffer, type: string | null = JSON_TYPE) =>
  decodeBody(Buffer.from(bytes), type).toString();

describe("a body is read", () => {
  const umlaut = `["Ü€"]`;
  test.each<[string, Buffer, string | null]>([
    ["UTF-8", Buffer.from(umlaut), JSON_TYPE],
    ["UTF-8, without a Content-Type", Buffer.from(umlaut), null],
    ["UTF-8 that is said to be so", Buffer.from(umlaut), `application/json; charset="UTF-8"`],
    ["UTF-8 that is said to be ASCII", Buffer.from(umlaut), "text/plain;charset=us-ascii"],
    ["UTF-8 with a byte order mark", Buffer.from(`\uFEFF${umlaut}`), JSON_TYPE],
    [
      "UTF-8 with a byte order mark that is said to be another",
      Buffer.from(`\uFEFF${umlaut}`),
      "text/json; charset=latin1",
    ],
    [
      "Windows-1252",
      Buffer.concat([Buffer.from(`["`), Buffer.from([0xdc, 0x80]), Buffer.from(`"]`)]),
      "application/json; charset=windows-1252",
    ],
    [
      "Latin-1, as the web reads it",
      Buffer.concat([Buffer.from(`["`), Buffer.from([0xdc, 0x80]), Buffer.from(`"]`)]),
      "application/json ; foo=bar; Charset = iso-8859-1",
    ],
    ["UTF-16 with a byte order mark", Buffer.from(`\uFEFF${umlaut}`, "utf16le"), JSON_TYPE],
    [
      "UTF-16, big end first, with a byte order mark",
      Buffer.from(`\uFEFF${umlaut}`, "utf16le").swap16(),
      JSON_TYPE,
    ],
    ["UTF-16 that is said to be so", Buffer.from(umlaut, "utf16le"), "application/json; charset=utf-16le"],
  ])("from %s", (_, bytes, type) => {
    expect(text(bytes, type)).toBe(umlaut);
  });

  test("as the same bytes where nothing has to change", () => {
    const body = Buffer.from(`{"data":[1,"é"]}`);
    expect(decodeBody(body, JSON_TYPE).buffer).toBe(body.buffer);
  });

  test("but not in a charset that nobody knows", () => {
    expect(() => text([0x5b, 0x5d], "application/json; charset=ebcdic-x")).toThrow(
      expect.objectContaining({ code: "SY303", detail: expect.stringContaining("ebcdic-x") }),
    );
  });

  test.each<[string, readonly number[], string]>([
    ["U+0000", [0x61, 0x00, 0x62], String.raw`a\u0000b`],
    ["a byte that begins nothing", [0x61, 0xff, 0x62], String.raw`a\udcffb`],
    ["a byte that goes on from nothing", [0x80], String.raw`\udc80`],
    ["a character that is cut", [0xe2, 0x82, 0x61], String.raw`\udce2\udc82a`],
    ["a character that is cut by the end", [0x61, 0xf0, 0x9f, 0x98], String.raw`a\udcf0\udc9f\udc98`],
    ["a character that is longer than it need be", [0xc0, 0xaf], String.raw`\udcc0\udcaf`],
    ["half of a surrogate pair", [0xed, 0xa0, 0xbd], String.raw`\udced\udca0\udcbd`],
    ["a character beyond the last", [0xf4, 0x90, 0x80, 0x80], String.raw`\udcf4\udc90\udc80\udc80`],
  ])("with %s as an escape that tells its bytes", (_, bytes, escaped) => {
    expect(text(bytes)).toBe(escaped);
  });

  test("so that whatever bytes come, what is read is UTF-8 without U+0000, and characters stay", () => {
    const part = fc.oneof(
      fc.uint8Array({ maxLength: 6 }),
      fc.string({ unit: "grapheme" }).map((each) => Buffer.from(each)),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
        const bytes = Buffer.concat(parts.map((each) => Buffer.from(each)));
        const read = decodeBody(Buffer.concat([Buffer.from("x"), bytes]), JSON_TYPE);
        expect(() => new TextDecoder("utf-8", { fatal: true }).decode(read)).not.toThrow();
        expect(read.includes(0)).toBe(false);
        const inText = (each: string) => each.replaceAll(/\\udc[0-9a-f]{2}|\\u0000/g, "");
        const expected = new TextDecoder("utf-8", { ignoreBOM: true })
          .decode(bytes)
          .replaceAll(/[\0\ufffd]/g, "");
        expect(inText(read.toString()).slice(1).replaceAll("\ufffd", "")).toBe(inText(expected));
      }),
    );
  });
});

/** A page of these records, as it is after the policy. */
function cleaned(policy: NulPolicy, ...records: readonly string[]) {
  const body = Buffer.from(`{"data":[${records.join(" , ")}],"next":"\\u0000"}`);
  const { records: found, outside } = splitRecords(body, "/data");
  const { starts, ends } = found!;
  const { records: count, first } = cleanRecords(body, found!, policy);
  const texts = records.map((_, i) => body.toString("utf8", starts[i], ends[i]));
  expect(outside.toString()).toContain(String.raw`"\u0000"`);
  return { texts, count, first };
}

describe("what PostgreSQL cannot store", () => {
  const bad = [
    `{"a":1}`,
    String.raw`"x\u0000y\u0000"`,
    String.raw`"\\u0000 \\\\ud800 \u0041\u00e9"`,
    String.raw`"\\\u0000"`,
    String.raw`["\ud83d\ude00","\uD83D \ude00","\ud83d\ud83d\ude00"]`,
    String.raw`{"\uDC00":"\ud800\u0041"}`,
    String.raw`"\ud800`.concat(`"`),
  ];

  test("is replaced in its records alone, and an escaped backslash begins no escape", () => {
    expect(cleaned("replace", ...bad)).toEqual({
      texts: [
        `{"a":1}`,
        String.raw`"x\ufffdy\ufffd"`,
        String.raw`"\\u0000 \\\\ud800 \u0041\u00e9"`,
        String.raw`"\\\ufffd"`,
        String.raw`["\ud83d\ude00","\ufffd \ufffd","\ufffd\ud83d\ude00"]`,
        String.raw`{"\ufffd":"\ufffd\u0041"}`,
        String.raw`"\ufffd"`,
      ],
      count: 5,
      first: 1,
    });
  });

  test("is taken out, so that its records end earlier", () => {
    expect(cleaned("strip", ...bad)).toEqual({
      texts: [
        `{"a":1}`,
        `"xy"`,
        String.raw`"\\u0000 \\\\ud800 \u0041\u00e9"`,
        String.raw`"\\"`,
        String.raw`["\ud83d\ude00"," ","\ud83d\ude00"]`,
        String.raw`{"":"\u0041"}`,
        `""`,
      ],
      count: 5,
      first: 1,
    });
  });

  test("stays as it is where PostgreSQL is to refuse it", () => {
    expect(cleaned("fail", ...bad)).toEqual({ texts: bad, count: 0, first: null });
    expect(cleaned("replace", `"fine"`)).toEqual({ texts: [`"fine"`], count: 0, first: null });
  });

  test("is found in any text, however its characters are written", () => {
    const unit = fc.oneof(
      fc.constantFrom(0, 0xd83d, 0xde00, 0xdc00, 0xdbff, 0x5c, 0x22, 0x75, 0x30, 0xfffe),
      fc.integer({ min: 0, max: 0xffff }),
    );
    const records = fc.array(fc.array(fc.tuple(unit, fc.boolean()), { maxLength: 12 }), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(records, (units) => {
        const originals = units.map((each) => String.fromCharCode(...each.map(([code]) => code)));
        const written = units.map((each) => writtenOut(each));
        const isBad = (original: string) => original !== storable(original, "\ufffd");
        for (const [policy, instead] of [
          ["replace", "\ufffd"],
          ["strip", ""],
        ] as const) {
          const { texts, count, first } = cleaned(policy, ...written);
          expect(texts.map((record) => JSON.parse(record))).toEqual(
            originals.map((each) => storable(each, instead)),
          );
          expect(count).toBe(originals.filter(isBad).length);
          expect(first ?? -1).toBe(originals.findIndex(isBad));
        }
      }),
      { numRuns: 200 },
    );
  });
});

/** The text as JSON, in which some characters are escaped by their number; those that must be are. */
function writtenOut(units: readonly (readonly [code: number, isEscaped: boolean])[]): string {
  const parts = units.map(([code, isEscaped]) => {
    const number = code.toString(16).padStart(4, "0");
    const mustBe = code < 0x20 || (code >= 0xd800 && code <= 0xdfff);
    if (mustBe || isEscaped) return `\\u${code % 2 === 0 ? number.toUpperCase() : number}`;
    return JSON.stringify(String.fromCharCode(code)).slice(1, -1);
  });
  return `"${parts.join("")}"`;
}

/** The text with something else in the place of U+0000 and of halves of characters. */
function storable(original: string, instead: string): string {
  return Array.from(original, (character) =>
    character === "\0" || !character.isWellFormed() ? instead : character,
  ).join("");
}

test("a long run of backslashes, or of escapes, is searched in a moment", () => {
  for (const part of ["\\\\", "\\u0041", "\\\\u0000", "\\ud83d\\ude00"]) {
    const json = Buffer.from(`"${part.repeat(200_000)}"`);
    const begun = performance.now();
    expect(badEscapeAt(json, 0, json.length)).toBe(-1);
    expect(performance.now() - begun).toBeLessThan(5_000);
  }
});
