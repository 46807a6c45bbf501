import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { Auth, type AuthSettings } from "../../../src/gateway/auth.ts";
import { createLog } from "../../../src/log.ts";
import { TestGateway } from "../../support/delivery/gateway.ts";
import { WireClient } from "../../support/delivery/wire-client.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres/postgres.ts";
import { waitFor } from "../../support/wait-for.ts";

const SECRET = "a secret of at least 32 bytes, for tests";
const KEY = new TextEncoder().encode(SECRET);
const NONE: AuthSettings = {
  mode: "secret",
  secret: () => SECRET,
  jwksUrl: null,
  issuer: null,
  audience: null,
  tenantClaim: "tenant",
};

let db: TestDatabase;
let gateway: TestGateway;
beforeAll(async () => {
  db = await createDatabase();
  gateway = await TestGateway.start(db.url, { auth: NONE });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
});

const now = () => Math.floor(Date.now() / 1000);

interface Given {
  readonly sub?: string;
  readonly exp?: number;
  readonly iat?: number;
  readonly claims?: Record<string, unknown>;
}

function unsigned({ sub = "ann", exp = now() + 600, iat = now(), claims = {} }: Given = {}): SignJWT {
  return new SignJWT(claims).setSubject(sub).setExpirationTime(exp).setIssuedAt(iat);
}

const tokenOf = (given: Given = {}) => unsigned(given).setProtectedHeader({ alg: "HS256" }).sign(KEY);

/** What a hello with this token is answered with. */
async function answerTo(token: string, url = gateway.url, client: string = randomUUID()): Promise<string> {
  await using wire = await WireClient.start({ url, token, client });
  await wire.until("an answer", () => wire.messages.length > 0);
  const [first] = wire.messages;
  if (first!.t !== "error") return first!.t;
  await wire.until("its end", () => wire.closed !== null);
  return `${first!.code} ${wire.closed!.code}`;
}

describe("a hello is answered", () => {
  test("with a welcome where the token is signed with the secret, and both clocks differ by less than 30 s", async () => {
    expect(await answerTo(await tokenOf())).toBe("welcome");
    expect(await answerTo(await tokenOf({ exp: now() - 10 }))).toBe("welcome");
  });

  test("with 4401 where it has expired, is signed by another key, or lacks what it needs", async () => {
    const bad = [
      await tokenOf({ exp: now() - 60, iat: now() - 600 }),
      await unsigned()
        .setProtectedHeader({ alg: "HS256" })
        .sign(new TextEncoder().encode(`${SECRET}!`)),
      await new SignJWT({ sub: "ann" }).setProtectedHeader({ alg: "HS256" }).setIssuedAt().sign(KEY),
      await new SignJWT({ sub: "ann", exp: now() + 60 }).setProtectedHeader({ alg: "HS256" }).sign(KEY),
      await new SignJWT({ exp: now() + 60 }).setProtectedHeader({ alg: "HS256" }).setIssuedAt().sign(KEY),
      await unsigned().setProtectedHeader({ alg: "HS512" }).sign(KEY),
      "no token",
      "",
    ];
    for (const token of bad) expect(await answerTo(token)).toBe("SY105 4401");
  });

  test("with 4403 where the client belongs to somebody else", async () => {
    const client = randomUUID();
    expect(await answerTo(await tokenOf(), gateway.url, client)).toBe("welcome");
    expect(await answerTo(await tokenOf({ sub: "bob" }), gateway.url, client)).toBe("SY415 4403");
  });

  test("with 4401 where its subject was revoked after it was given, and a later token is accepted", async () => {
    await using open = await WireClient.start({
      url: gateway.url,
      token: await tokenOf({ sub: "eve", iat: now() - 60 }),
    });
    await open.until("welcome", () => open.messages.length > 0);
    await db.query("select ampsync.revoke_subject('eve', reason => 'lost phone')");
    await open.until("the open socket is closed", () => open.closed !== null);
    expect(open.closed).toEqual({ code: 4401 });
    expect(await answerTo(await tokenOf({ sub: "eve", iat: now() - 60 }))).toBe("SY105 4401");
    expect(await answerTo(await tokenOf({ sub: "eve", iat: now() + 5 }))).toBe("welcome");
  });
});

test.each(["RS256", "ES256", "EdDSA"])(
  "a token signed by %s is checked with the key that a URL gives",
  async (alg) => {
    const kept = await generateKeyPair(alg, { extractable: true });
    const other = await generateKeyPair(alg, { extractable: true });
    const keys: JWK[] = [{ ...(await exportJWK(kept.publicKey)), kid: "kept", alg }];
    const server = createServer((_, response) => response.end(JSON.stringify({ keys }))).listen(
      0,
      "127.0.0.1",
    );
    await once(server, "listening");
    try {
      const { port } = server.address() as AddressInfo;
      const jwksUrl = new URL(`http://127.0.0.1:${port}/jwks`);
      const auth = { ...NONE, mode: "jwks" as const, jwksUrl, issuer: "us", audience: "app" };
      await using own = await TestGateway.start(db.url, { auth });
      const sign = (key: typeof kept, kid: string, aud: string) =>
        unsigned().setProtectedHeader({ alg, kid }).setIssuer("us").setAudience(aud).sign(key.privateKey);
      expect(await answerTo(await sign(kept, "kept", "app"), own.url)).toBe("welcome");
      expect(await answerTo(await sign(other, "kept", "app"), own.url)).toBe("SY105 4401");
      expect(await answerTo(await sign(kept, "kept", "other"), own.url)).toBe("SY105 4401");
      expect(await answerTo(await tokenOf(), own.url)).toBe("SY105 4401");
    } finally {
      server.close();
      server.closeAllConnections();
    }
  },
);

test("keys may be changed under a gateway: a new one is fetched when a token names it, and unknown ones cost one question", async () => {
  const pair = async (kid: string) => ({ kid, ...(await generateKeyPair("ES256", { extractable: true })) });
  const [first, second, unknown] = [await pair("first"), await pair("second"), await pair("unknown")];
  let served = [first];
  let asked = 0;
  const server = createServer(async (_, response) => {
    asked += 1;
    const keys = await Promise.all(
      served.map(async ({ kid, publicKey }) => ({ ...(await exportJWK(publicKey)), kid, alg: "ES256" })),
    );
    response.end(JSON.stringify({ keys }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const { port } = server.address() as AddressInfo;
    const auth = { ...NONE, mode: "jwks" as const, jwksUrl: new URL(`http://127.0.0.1:${port}/jwks`) };
    const sign = ({ kid, privateKey }: typeof first) =>
      unsigned().setProtectedHeader({ alg: "ES256", kid }).sign(privateKey);
    const checks = new Auth(
      auth,
      createLog("error", () => {}),
      200,
    );
    const check = async (key: typeof first) =>
      await checks.check(await sign(key)).then(
        ({ sub }) => sub,
        (error: { code: string }) => error.code,
      );
    expect(await check(first)).toBe("ann");
    served = [second, first]; // Both for a while, and then the new one alone.
    await waitFor("the new key", async () => (await check(second)) === "ann");
    expect(await check(first)).toBe("ann");
    served = [second];
    const before = asked;
    const answers = await Promise.all(Array.from({ length: 20 }, () => check(unknown)));
    expect(new Set(answers)).toEqual(new Set(["SY105"]));
    expect(asked - before).toBeLessThanOrEqual(1);
    await waitFor("the old key is refused", async () => {
      await check(unknown);
      return (await check(first)) === "SY105";
    });
  } finally {
    server.close();
    server.closeAllConnections();
  }
});

test.each([
  ["answers with an error", 502, "<html>bad gateway</html>"],
  ["answers with no JSON", 200, "<html>sign in to the network</html>"],
  ["answers with no keys", 200, "{}"],
])("nobody is signed out where the URL of the keys %s: clients come again", async (_, status, body) => {
  const { privateKey } = await generateKeyPair("ES256");
  const server = createServer((_request, response) => response.writeHead(status).end(body));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const { port } = server.address() as AddressInfo;
    const auth = { ...NONE, mode: "jwks" as const, jwksUrl: new URL(`http://127.0.0.1:${port}/jwks`) };
    await using own = await TestGateway.start(db.url, { auth });
    const token = await unsigned().setProtectedHeader({ alg: "ES256", kid: "kept" }).sign(privateKey);
    expect(await answerTo(token, own.url)).toBe("SY104 1013");
  } finally {
    server.close();
    server.closeAllConnections();
  }
});

test("a client is told before its token expires, and goes on with the next one of the same subject", async () => {
  await using wire = await WireClient.start({ url: gateway.url, token: await tokenOf({ exp: now() + 20 }) });
  await wire.until("auth_due", () => wire.messages.some(({ t }) => t === "auth_due"));
  wire.send({ t: "auth", token: await tokenOf({ exp: now() + 3600 }) });
  wire.send({ t: "auth", token: await tokenOf({ sub: "bob" }) });
  await wire.until("the end", () => wire.closed !== null);
  expect(wire.messages.at(-1)).toMatchObject({ t: "error", code: "SY415" });
});

test("a connection ends with its token", async () => {
  await using wire = await WireClient.start({ url: gateway.url, token: await tokenOf({ exp: now() + 1 }) });
  await wire.until("the end", () => wire.closed !== null);
  expect(wire.messages.map(({ t }) => t)).toEqual(expect.arrayContaining(["welcome", "auth_due", "error"]));
  expect(wire.closed).toEqual({ code: 4401 });
});

test("no token is in any line of the log or any message, at any level", async () => {
  const tokens = [await tokenOf({ sub: "log" }), `${await tokenOf({ sub: "log" })}x`];
  for (const token of tokens) await answerTo(token);
  const [, body = ""] = tokens[0]!.split(".");
  expect(gateway.lines.join("\n")).not.toContain(body);
});

describe("what breaks the protocol is closed with 4400", () => {
  test.each([
    ["a message before hello", '{"t":"busy"}'],
    ["no JSON", "hello"],
    ["an unknown message", '{"t":"goodbye"}'],
  ])("%s", async (_, text) => {
    await using wire = new WireClient({ url: gateway.url });
    await wire.open();
    wire.sendText(text);
    await wire.until("the end", () => wire.closed !== null);
    expect(wire.closed).toEqual({ code: 4400 });
    expect(wire.messages).toMatchObject([{ t: "error", code: "SY411" }]);
  });
});

test("a page of another origin is not let in, and a full gateway says so to load balancers", async () => {
  await using full = await TestGateway.start(db.url, {
    auth: NONE,
    maxClients: 1,
    allowedOrigins: ["https://app.example"],
  });
  const ready = async () => (await fetch(`${full.url}/readyz`)).status;
  expect(await ready()).toBe(200);
  await using first = await WireClient.start({ url: full.url, token: await tokenOf() });
  await first.until("welcome", () => first.messages.length > 0);
  expect(await ready()).toBe(503);
  expect(await answerTo(await tokenOf(), full.url)).toBe("SY416 4429");
  for (const [origin, code] of [
    ["https://evil.example", 4403],
    ["https://app.example", 4429],
  ] as const) {
    await using page = new WireClient({ url: full.url, token: await tokenOf(), origin });
    await page.connect();
    await page.until("the end", () => page.closed !== null);
    expect(page.closed).toEqual({ code });
  }
  const preflight = await fetch(`${full.url}/v1/snapshots/${randomUUID()}/0`, {
    method: "OPTIONS",
    headers: { origin: "https://app.example" },
  });
  expect(preflight.headers.get("access-control-allow-origin")).toBe("https://app.example");
  expect((await fetch(`${full.url}/v1/snapshots/${randomUUID()}/0`)).status).toBe(401);
});

test("what is no address of a chunk is not found, whoever asks", async () => {
  const headers = { authorization: `Bearer ${await tokenOf()}` };
  for (const path of ["-".repeat(36), `${"a".repeat(36)}`, `${randomUUID()}0`, `${randomUUID()}/`]) {
    expect((await fetch(`${gateway.url}/v1/snapshots/${path}/0`, { headers })).status).toBe(404);
  }
  const chunk = `${gateway.url}/v1/snapshots/${randomUUID()}`;
  expect((await fetch(`${chunk}/0`, { headers })).status).toBe(404);
  expect((await fetch(`${chunk}/9999999999`, { headers })).status).toBe(404);
  expect((await fetch(`${chunk}/0?token=x`, { headers })).status).toBe(404);
});
