import { describe, expect, test } from "vitest";

import { Secrets } from "../../src/model/secrets.ts";

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
