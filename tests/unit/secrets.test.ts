import { describe, expect, test } from "vitest";

import { Caller } from "../../src/db/caller.ts";
import { IngestCalls } from "../../src/db/ingest-calls.ts";
import { readRateHeaders } from "../../src/http/rate-headers.ts";
import { splitRecords } from "../../src/http/split-records.ts";
import { meaningOf } from "../../src/ingest/http-limits.ts";
import { Part } from "../../src/ingest/part.ts";
import { cursorExpired } from "../../src/ingest/stale-cursor.ts";
import { cleanText } from "../../src/model/foreign-text.ts";
import { Secrets } from "../../src/model/secrets.ts";
import { beginning } from "../../src/probe/body.ts";
import { sourceOf } from "../support/http/source-of.ts";

const TOKEN = 's3cret/"t0k%41\\n~+<x>';

function knowing(...tokens: readonly string[]): Secrets {
  const secrets = new Secrets();
  for (const token of tokens) secrets.watch(() => token)();
  return secrets;
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

/** As some programs write JSON: every character by its number. */
function byNumber(text: string): string {
  return Array.from(text, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`).join(
    "",
  );
}

/** Every byte, even those that need not be. */
function percent(text: string): string {
  return Array.from(Buffer.from(text), (byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
}

function html(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&#34;");
}

const json = (text: string) => JSON.stringify(text).slice(1, -1);

describe("a token is taken out of", () => {
  test.each([
    ["text as it is", TOKEN],
    ["JSON", json(TOKEN)],
    ["JSON that escapes slashes", json(TOKEN).replaceAll("/", "\\/")],
    ["JSON in JSON", json(json(TOKEN))],
    ["JSON in JSON in JSON", json(json(json(TOKEN)))],
    ["JSON by number", byNumber(TOKEN)],
    ["JSON by number, in JSON", json(byNumber(TOKEN))],
    ["a URL", encodeURIComponent(TOKEN)],
    ["a URL, all of it", percent(TOKEN)],
    ["a URL, in capitals", percent(TOKEN).toUpperCase()],
    ["a URL in a URL", encodeURIComponent(encodeURIComponent(TOKEN))],
    ["a URL in JSON", json(encodeURIComponent(TOKEN))],
    ["HTML", html(TOKEN)],
    ["hexadecimal", Buffer.from(TOKEN).toString("hex")],
    ["hexadecimal in capitals", Buffer.from(TOKEN).toString("hex").toUpperCase()],
  ])("%s", (_, echoed) => {
    expect(knowing(TOKEN).redact(`before ${echoed} between ${echoed} after`)).toBe(
      "before [token] between [token] after",
    );
  });

  test.each(["", "x", "xy", "Bearer ", "user:"])("base64 that holds it after '%s'", (before) => {
    const text = before + TOKEN;
    for (const echoed of [
      base64(text),
      Buffer.from(text).toString("base64url"),
      encodeURIComponent(base64(text)),
    ]) {
      const shown = knowing(TOKEN).redact(`<${echoed}>`);
      expect(shown).toContain("[token]");
      // What is left are the bytes before it, and the padding.
      expect(shown.replace("[token]", "").length).toBeLessThan(2 * before.length + 10);
    }
  });

  test("text in which a new one and the one before it are echoed", () => {
    expect(knowing("first-token", "second-token").redact("first-token, second-token")).toBe(
      "[token], [token]",
    );
  });

  test("a text of megabytes, even where it would be cut", () => {
    const text = "x".repeat(65_530) + TOKEN + "x".repeat(10_000_000);
    const shown = knowing(TOKEN).redact(text);
    expect(shown.length).toBeLessThan(66_000);
    expect(shown).not.toMatch(/s3c/);
    expect(shown.startsWith("xxx")).toBe(true);
  });
});

test("text without a token stays as it is", () => {
  const text = "HTTP 404: /datasets/%5F/anvil \\u00e9 &amp; 100% of c2VjcmV0";
  expect(knowing(TOKEN).redact(text)).toBe(text);
  expect(knowing().redact("x".repeat(100_000))).toHaveLength(100_000);
});

test("a short token does not redact what encodes to the same by chance", () => {
  expect(knowing("ab").redact("6162 YWI=")).toBe("6162 YWI=");
});

/** What a password may be: characters that end something in URLs, JSON, SQL, shells and regular expressions. */
const PASSWORDS = [
  `p@ss:w/rd?#%41`,
  `it's "quoted" \\ and \\\\`,
  "two\nlines\r\n\tand a tab",
  ".*+?^$()|[]{}\\$&$1",
  "%%%25%2525",
  "%",
  "'",
  "пароль-密码-🔑",
  "ab",
  "a.b",
  "hunter22hunter22",
  " blanks at both ends ",
];

function withPassword(password: string): Secrets {
  const secrets = new Secrets();
  secrets.keep("[password]", [password, null, ""]);
  return secrets;
}

describe("a password is taken out of", () => {
  const forms: readonly (readonly [string, (text: string) => string])[] = [
    ["text as it is", (text) => text],
    ["JSON", json],
    ["JSON in JSON", (text) => json(json(text))],
    ["a URL", encodeURIComponent],
    ["a URL, all of it", percent],
    ["a literal of SQL", (text) => text.replaceAll("'", "''")],
    ["an identifier of SQL", (text) => text.replaceAll('"', '""')],
    ["HTML", html],
  ];
  test.each(forms)("%s", (_, encode) => {
    for (const password of PASSWORDS) {
      const shown = withPassword(password).redact(`role <${encode(password)}> is unknown`);
      expect(shown, password).toBe("role <[password]> is unknown");
    }
  });

  test("base64 and hexadecimal, where it is long enough not to be found by chance", () => {
    for (const password of PASSWORDS.filter((each) => Buffer.from(each).length >= 10)) {
      for (const encoding of ["base64", "base64url", "hex"] as const) {
        const shown = withPassword(password).redact(
          `<${Buffer.from(`user:${password}`).toString(encoding)}>`,
        );
        expect(shown, `${password} in ${encoding}`).toContain("[password]");
      }
    }
  });

  test("an address of a database, also of one that is not ours (sanitize_database_url)", () => {
    const none = new Secrets();
    for (const [text, shown] of [
      ["postgresql://me:secret@db:5432/sync", "postgresql://me:[password]@db:5432/sync"],
      ["postgres://me:p@ss/w@rd@db/sync failed", "postgres://me:[password]@db/sync failed"],
      ["postgresql://:s3@/sync", "postgresql://:[password]@/sync"],
      ["postgresql://me@db/sync", "postgresql://me@db/sync"],
      ["no URL: me@db", "no URL: me@db"],
      ["http://amp:1610/datasets/eth@1.2.0", "http://amp:1610/datasets/eth@1.2.0"],
    ] as const) {
      expect(none.redact(text)).toBe(shown);
    }
  });

  test("key=value strings and JSON of others", () => {
    const none = new Secrets();
    for (const [text, shown] of [
      ["host=db password=s3cret user=me", "host=db password=[password] user=me"],
      ["host=db password = 'it''s \\' a' user=me", "host=db password = [password] user=me"],
      ['{"user":"me","password":"a\\"b","port":1}', '{"user":"me","password":[password],"port":1}'],
      ["PGPASSWORD=x;PASSWD=y", "PGPASSWORD=[password];PASSWD=[password]"],
      ['password authentication failed for user "me"', 'password authentication failed for user "me"'],
      [
        "DATABASE_PASSWORD: not used, as DATABASE_URL is set",
        "DATABASE_PASSWORD: not used, as DATABASE_URL is set",
      ],
      ["DATABASE_PASSWORD_FILE=/run/password is no file", "DATABASE_PASSWORD_FILE=/run/password is no file"],
    ] as const) {
      expect(none.redact(text)).toBe(shown);
    }
  });
});

test("a password of four characters or more is found within words, and encoded", () => {
  for (const password of ["k7q2", "Zürich", "seven77"]) {
    const basic = base64(`me:${password}`);
    expect(withPassword(password).redact(`wrong_${password}_x, x${password}x`)).toBe(
      "wrong_[password]_x, x[password]x",
    );
    for (const echoed of [basic, base64(password), base64(`m:${password}`)]) {
      expect(withPassword(password).redact(`<${echoed}>`), echoed).toContain("[password]");
    }
    const hex = Buffer.from(password).toString("hex");
    expect(withPassword(password).redact(`<${hex}>`)).toBe("<[password]>");
  }
});

test("a shorter password is no part of words", () => {
  expect(withPassword("ive").redact("ive: delivered, 'ive', relive, aXZl")).toBe(
    "[password]: delivered, '[password]', relive, aXZl",
  );
});

describe("in a text of any length", () => {
  const OTHERS = "postgresql://me:s3cret@db:5432/sync and password=s3cret";

  test.each([
    ["without a secret of ours", new Secrets()],
    ["with one", withPassword("hunter22hunter22")],
  ])("passwords of others are not shown: %s", (_, secrets) => {
    for (const length of [60_000, 65_500, 70_000, 1_000_000, 1_048_550, 3_000_000]) {
      expect(secrets.redact(`${"x ".repeat(length / 2)}${OTHERS}`), `${length}`).not.toContain("s3c");
    }
    for (let cut = 0; cut < OTHERS.length; cut++) {
      for (const length of [65_536, 1_048_576]) {
        const text = `${"x ".repeat((length - 100) / 2).padEnd(length - cut)}${OTHERS}${" x".repeat(1_000)}`;
        expect(secrets.redact(text), `cut at ${cut}`).not.toContain("s3c");
      }
    }
  });
});

test("of a longer secret nothing is left where a shorter one is its beginning", () => {
  const secrets = withPassword("secret-secret");
  secrets.keep("[token]", ["secret-secret-token"]);
  expect(secrets.redact("secret-secret-token, secret-secret")).toBe("[token], [password]");
});

test("a text that is made to take long does not", () => {
  const secrets = withPassword(`a@"'%`);
  const texts = [
    "a://b:".repeat(12_000),
    "a-".repeat(40_000),
    'password="\\'.repeat(6_000),
    "''".repeat(32_000),
    "%25".repeat(20_000),
  ];
  const begin = performance.now();
  for (const text of texts) secrets.redact(text);
  expect(performance.now() - begin).toBeLessThan(3_000);
});

describe("a token of 16 KiB that a server echoes is shown neither whole nor in part", () => {
  const LONG = Array.from({ length: 4_096 }, (_, n) => n.toString(16).padStart(4, "0")).join("");
  const secrets = knowing(LONG);
  const clean = (text: string) => cleanText(secrets.redact(text));
  const answer = (status: number, text: string, isCut: boolean) => ({
    ...{ status, headers: {}, body: Buffer.from(text), isCut },
  });

  /** What is shown of such a text. */
  const places: Readonly<Record<string, (text: string, isCut?: boolean) => string | null>> = {
    "a refusal": (text, isCut = false) => {
      const asked = { hasToken: false, isFirstPage: true };
      const what = meaningOf(sourceOf({}), answer(400, text, isCut), readRateHeaders({}, 0), asked, clean);
      return "error" in what ? what.error.detail : null;
    },
    "a cursor that has expired": (text, isCut = false) => {
      const stored = { part: "0", since: null, until: null, position: { token: "a" }, previous: null };
      const part = new Part({ ...stored, positionAgeS: 1, begunUs: "0", pages: 1, emptyPages: 0 });
      return cursorExpired(part, answer(410, text, isCut), clean).detail;
    },
    "a page that is no JSON": (text) => {
      const page = Buffer.from(`{"data": [1] ${text}`);
      try {
        splitRecords(page, "/data", clean);
      } catch (error) {
        return error instanceof Error && "detail" in error ? String(error.detail) : null;
      }
      return null;
    },
    "a probed answer": (text) => beginning(text, clean),
  };
  const forms: Readonly<Record<string, string>> = {
    "as it is": LONG,
    escaped: percent(LONG),
    "by number": byNumber(LONG),
    "in base64": base64(LONG),
    often: `${LONG} `.repeat(20),
  };

  test.each(
    Object.entries(places).flatMap(([place, show]) =>
      Object.entries(forms).map(([form, text]) => [place, form, show, text] as const),
    ),
  )("in %s, %s", (_, __, show, text) => {
    const shown = show(`no ${text}`);
    if (shown === null) throw new Error("nothing is shown");
    const windows = Array.from({ length: Math.max(0, shown.length - 15) }, (_, at) =>
      shown.slice(at, at + 16),
    );
    expect(windows.filter((window) => text.includes(window))).toEqual([]);
  });

  test.each(Object.keys(places).slice(0, 2))("in %s that breaks off within it", (place) => {
    const half = LONG.slice(0, 8_000);
    expect(places[place]!(`no ${half}`, true)).not.toContain(half.slice(0, 16));
  });

  test("in what a worker writes into the journal", async () => {
    const sent: unknown[] = [];
    const run = async ({ values }: { readonly values?: readonly unknown[] }) => {
      sent.push(values);
      return { rows: [] } as never;
    };
    const calls = new IngestCalls(new Caller(run, clean));
    const lease = { streamId: 1n, epoch: 1n };
    await calls.noteIngest(lease, "cursor_expired", { page: 1, detail: `HTTP 410: no ${LONG}` });
    expect(sent).toEqual([[1n, 1n, "cursor_expired", { page: 1, detail: "HTTP 410: no [token]" }]]);
  });
});
