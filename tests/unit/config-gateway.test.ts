import { describe, expect, test } from "vitest";

import { parseConfig } from "../../src/config.ts";

const SECRET = "a secret of at least 32 bytes, for tests";

function parse(env: Record<string, string>, files: Record<string, string> = {}) {
  const read = (path: string) => {
    const text = files[path];
    if (text === undefined) throw new Error("no such file");
    return text;
  };
  return parseConfig({ PGHOST: "localhost", ...env }, read, "gateway");
}

describe("a gateway", () => {
  test("has the documented defaults", () => {
    expect(parse({ AMPSYNC_AUTH: "none" }).gateway).toMatchObject({
      host: "127.0.0.1",
      port: 8080,
      address: null,
      maxClients: 5000,
      poolSize: 6,
      allowedOrigins: [],
      tenants: null,
      auth: { mode: "none", jwksUrl: null, issuer: null, audience: null, tenantClaim: "tenant" },
    });
  });

  test("wants exactly one way to tell who somebody is", () => {
    expect(() => parse({})).toThrow("one of AMPSYNC_JWT_SECRET, AMPSYNC_JWKS_URL and AMPSYNC_AUTH=none");
    expect(() => parse({ AMPSYNC_AUTH: "none", AMPSYNC_JWT_SECRET: SECRET })).toThrow("not several");
    expect(() => parse({ AMPSYNC_AUTH: "all" })).toThrow("AMPSYNC_AUTH is not none");
    expect(parse({ AMPSYNC_JWT_SECRET: SECRET }).gateway!.auth.mode).toBe("secret");
    expect(parse({ AMPSYNC_JWKS_URL: "https://keys.example/jwks" }).gateway!.auth.mode).toBe("jwks");
  });

  test("refuses a secret that is short, and addresses that are none, without showing them", () => {
    expect(() => parse({ AMPSYNC_JWT_SECRET: "short-one" })).toThrow("shorter than 32 bytes");
    expect(() => parse({ AMPSYNC_JWT_SECRET: "short-one" })).not.toThrow("short-one");
    expect(() => parse({ AMPSYNC_JWKS_URL: "keys.example" })).toThrow("AMPSYNC_JWKS_URL is not");
  });

  test("reads the secret from its file again for each token", () => {
    const files = { "/secret": `${SECRET}\n` };
    const { secret } = parse({ AMPSYNC_JWT_SECRET_FILE: "/secret" }, files).gateway!.auth;
    expect(secret()).toBe(SECRET);
    files["/secret"] = "another secret of at least 32 bytes!";
    expect(secret()).toBe("another secret of at least 32 bytes!");
  });

  test.each(["", "\n", "short\n"])("refuses a file whose secret is %j, without showing it", (text) => {
    const start = () => parse({ AMPSYNC_JWT_SECRET_FILE: "/secret" }, { "/secret": text });
    expect(start).toThrow("AMPSYNC_JWT_SECRET_FILE holds a secret that is shorter than 32 bytes");
    expect(start).not.toThrow("short\n");
  });

  test("takes the address that clients reach it at", () => {
    const address = (text: string) =>
      parse({ AMPSYNC_AUTH: "none", AMPSYNC_GATEWAY_ADDRESS: text }).gateway!.address;
    expect(address("wss://sync-1.example/eu")).toBe("wss://sync-1.example/eu");
    expect(address("https://sync.example")).toBe("https://sync.example");
    for (const wrong of [
      "sync.example",
      "ftp://sync.example",
      "wss://user:pass@sync.example",
      "wss://a.example/?b",
    ]) {
      expect(() => address(wrong)).toThrow(
        "AMPSYNC_GATEWAY_ADDRESS is not an address such as https://sync.example",
      );
      expect(() => address(wrong)).not.toThrow("pass");
    }
  });

  test("takes lists of origins and tenants", () => {
    const { gateway } = parse({
      AMPSYNC_AUTH: "none",
      AMPSYNC_ALLOWED_ORIGINS: "https://app.example, http://localhost:5173",
      AMPSYNC_GATEWAY_TENANTS: "a, b",
    });
    expect(gateway).toMatchObject({
      allowedOrigins: ["https://app.example", "http://localhost:5173"],
      tenants: ["a", "b"],
    });
  });

  test.each(["*", "https://app.example/", "app.example", "https://app.example/path"])(
    "refuses %s, which is no origin",
    (origin) => {
      expect(() => parse({ AMPSYNC_AUTH: "none", AMPSYNC_ALLOWED_ORIGINS: origin })).toThrow(
        "is not an origin such as https://app.example",
      );
    },
  );
});
