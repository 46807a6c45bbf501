import { describe, expect, test } from "vitest";

import { SETTINGS } from "../../src/config/settings.ts";
import { parseConfig } from "../../src/config.ts";

const REQUIRED = {
  DATABASE_URL: "postgresql://me@localhost/db",
  API_BASE_URL: "https://api.example.com/api/v1/",
  API_KEY: "k3y/of us",
};

const FILES: Readonly<Record<string, string>> = {
  "/key": "k3y\n",
  "/source": '{"auth": null, "query": {"above": 123456789012345678901}}',
  "/text": "no json",
  "/list": "[]",
};

function readFile(path: string): string {
  const text = FILES[path];
  if (text === undefined) throw new Error(`no file ${path}`);
  return text;
}

const parse = (env: Record<string, string | undefined> = {}) =>
  parseConfig({ ...REQUIRED, ...env }, readFile, "ingest");
const documentOf = (env: Record<string, string> = {}) => JSON.parse(parse(env).ingestion!.document);

describe("the source of ampsync ingest", () => {
  test("has the documented defaults", () => {
    expect(parse().ingestion).toMatchObject({
      dataset: "events",
      target: "public.ingested_events",
      changes: "{}",
    });
    expect(documentOf()).toMatchObject({
      url: `https://api.example.com/api/v1${SETTINGS.apiEndpoint.standard}`,
      query: { limit: Number(SETTINGS.apiPageLimit.standard) },
      auth: { header: "X-API-Key", secret: "API_KEY" },
      rate_limit: { requests: Number(SETTINGS.apiRateLimit.standard), per: "1 minute" },
      expires: { after: `${SETTINGS.apiCursorTtl.standard} minutes` },
    });
  });

  test("may take 10 s to end, which it always does with its last line", () => {
    const limit = (seconds: string, reader: "ingest" | "worker") =>
      parseConfig({ ...REQUIRED, AMPSYNC_SHUTDOWN_TIMEOUT_SECS: seconds }, readFile, reader)
        .shutdownLimitSecs;
    expect([limit("1", "ingest"), limit("9", "ingest"), limit("11", "ingest")]).toEqual([10, 10, 11]);
    expect(limit("1", "worker")).toBe(1);
  });

  test("is what its settings say", () => {
    const env = { API_ENDPOINT: "clicks?type=a", API_PAGE_LIMIT: "500", API_RATE_LIMIT_PER_MINUTE: "7" };
    expect(documentOf({ ...env, API_CURSOR_TTL_MINUTES: "3" })).toMatchObject({
      url: "https://api.example.com/api/v1/clicks?type=a",
      query: { limit: 500 },
      rate_limit: { requests: 7 },
      expires: { after: "3 minutes" },
    });
  });

  test("stays at its host, however its endpoint is written", () => {
    for (const path of ["//evil.example/x", "/\\evil.example", "@evil.example", "/../../x"]) {
      expect(new URL(documentOf({ API_ENDPOINT: path }).url).origin, path).toBe("https://api.example.com");
    }
  });

  test("takes members from a file, as they stand there", () => {
    const { ingestion } = parse({ API_SOURCE_FILE: "/source", API_KEY: undefined });
    expect(ingestion?.changes).toBe(FILES["/source"]);
  });

  test.each([
    [{ API_BASE_URL: "ftp://x" }, "API_BASE_URL is not an http or https address"],
    [{ API_BASE_URL: "https://me:pw@x" }, "API_BASE_URL contains more than an address, perhaps a secret"],
    [{ API_BASE_URL: "https://x/?key=pw" }, "API_BASE_URL contains more than an address, perhaps a secret"],
    [{ API_ENDPOINT: "https://y/events" }, "API_ENDPOINT is not a path"],
    [{ API_KEY_FILE: "/key" }, "API_KEY and API_KEY_FILE are both set"],
    [{ API_KEY: undefined, API_KEY_FILE: "/nothing" }, "API_KEY_FILE names a file that cannot be read"],
    [{ API_SOURCE_FILE: "/text" }, "API_SOURCE_FILE names a file that holds no JSON"],
    [{ API_SOURCE_FILE: "/list" }, "API_SOURCE_FILE names a file that holds no JSON object"],
    [{ API_SOURCE_FILE: "/nothing" }, "API_SOURCE_FILE names a file that cannot be read"],
    [{ API_PAGE_LIMIT: "0" }, "API_PAGE_LIMIT=0 is not a whole number from 1 to 1000000"],
  ])("is refused with %j", (env, problem) => {
    expect(() => parse(env)).toThrow(problem);
    expect(() => parse(env)).not.toThrow("pw");
  });
});

describe("the key of ampsync ingest", () => {
  test("may go to the origin of the API, and nowhere else", () => {
    const { httpAllow, httpSecret } = parse({ AMPSYNC_HTTP_ALLOW: "other.example.com" });
    expect(httpSecret("API_KEY")).toBe("k3y/of us");
    expect(httpSecret("OTHER")).toBeNull();
    const api = new URL("https://api.example.com/x");
    const others = ["https://other.example.com/", "https://api.example.com:8443/", "http://api.example.com/"];
    expect([httpAllow.refuses(api), httpAllow.refusesSecret(api, "API_KEY")]).toEqual([null, null]);
    expect(httpAllow.refusesSecret(api, "OTHER")).toMatchObject({ code: "SY306" });
    for (const url of others) {
      expect(httpAllow.refusesSecret(new URL(url), "API_KEY"), url).toMatchObject({ code: "SY306" });
    }
  });

  test("is read from its file each time, and no text shows it", () => {
    const { httpSecret, secrets } = parse({ API_KEY: undefined, API_KEY_FILE: "/key" });
    expect(httpSecret("API_KEY")).toBe("k3y");
    expect(secrets.redact("sent k3y")).toBe("sent [secret]");
    expect(parse().secrets.redact("?key=k3y%2Fof%20us")).toBe("?key=[secret]");
  });

  test("that goes over a network unencrypted is sent with a warning", () => {
    expect(parse({ API_BASE_URL: "http://api.example.com" }).warnings).toEqual([
      "api.example.com: secrets are sent unencrypted; use https",
    ]);
    expect(parse({ API_BASE_URL: "http://localhost:1620" }).warnings).toEqual([]);
  });
});

test("other commands say that these settings are none of theirs", () => {
  for (const reader of ["worker", "sync"] as const) {
    expect(parseConfig(REQUIRED, readFile, reader).warnings).toEqual([
      "API_BASE_URL, API_KEY: used by ampsync ingest alone",
    ]);
  }
  const { API_KEY } = REQUIRED;
  expect(parseConfig({ API_KEY }, readFile, "worker").warnings).toEqual([]); // It may be another program's.
  expect(parse({ DATASET: "eth" }).warnings).toEqual(["DATASET: used by ampsync sync alone"]);
});
