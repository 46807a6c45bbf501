import { describe, expect, test } from "vitest";

import { refuseSecretIn, withSecrets } from "../../../src/ingest/auth.ts";
import { requestFor } from "../../../src/ingest/page-request.ts";
import { sourceOf } from "../../support/http/source-of.ts";

const SECRET = 's3cr"t\\/ +é~0';
const secrets = new Map([["API_KEY", SECRET]]);

const inLowerCase = (text: string) => text.replaceAll(/%../g, (each) => each.toLowerCase());
const byNumber = (text: string) =>
  Array.from(text, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");

describe("what leads to the next page is refused with a secret", () => {
  test.each<[string, object]>([
    ["as it is", { token: `a${SECRET}b` }],
    ["in a query", { url: `https://x/?${new URLSearchParams({ key: SECRET })}` }],
    ["in an address", { url: `https://x/${encodeURIComponent(SECRET)}` }],
    ["in lower case", { url: `https://x/?key=${inLowerCase(encodeURIComponent(SECRET))}` }],
    ["encoded in part", { url: `https://x/?key=s3cr%22t\\%2f%20+%c3%A9~0` }],
    ["in the text of a token", { token: { json: JSON.stringify({ key: SECRET }) } }],
    ["with slashes escaped", { token: { json: JSON.stringify([SECRET]).replace("/", "\\/") } }],
    ["by number", { token: { json: `["${byNumber(SECRET)}"]` } }],
    ["in base64", { token: Buffer.from(`{"key": "${SECRET}"}`).toString("base64") }],
  ])("%s", (_, position) => {
    expect(() => refuseSecretIn(JSON.stringify(position), secrets)).toThrow(
      expect.objectContaining({ code: "SY303", message: expect.stringContaining("API_KEY") }),
    );
  });

  test("and not without it, nor for one that is short enough to be there by chance", () => {
    refuseSecretIn(JSON.stringify({ token: 's3cr"t' }), secrets);
    refuseSecretIn(JSON.stringify({ token: "abc" }), new Map([["SHORT", "abc"]]));
  });
});

test("a secret takes the place of the header that the definition has in other letters", () => {
  const request = requestFor(sourceOf({ headers: { "X-Api": "mine" } }), null, { since: null, until: null });
  const auth = [{ kind: "header", name: "x-API", prefix: "Bearer ", secret: "API_KEY" }] as const;
  expect(withSecrets(request, auth, new Map([["API_KEY", "k3y"]])).headers).toEqual({
    "x-api": "Bearer k3y",
  });
});
