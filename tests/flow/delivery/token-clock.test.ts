import { SignJWT } from "jose";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { ScriptedGateway } from "../../support/client/scripted-gateway.ts";
import { TestClient } from "../../support/client/test-client.ts";
import { TestGateway } from "../../support/delivery/gateway.ts";
import { WireClient } from "../../support/delivery/wire-client.ts";
import { createDatabase } from "../../support/postgres/postgres.ts";

const HOUR = 3_600_000;
const SECRET = "a secret of at least 32 bytes, for tests";

beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"] }));
afterEach(() => void vi.useRealTimers());

test.each([-30, 9])(
  "a client whose clock is set by %i hours gives a token when its gateway asks, and anew with each connection",
  async (hours) => {
    await using gateway = await ScriptedGateway.start();
    let given = 0;
    await using one = await TestClient.start(gateway.url, { token: () => `token ${++given}` });
    expect(await gateway.hears("hello")).toMatchObject({ token: "token 1" });
    gateway.welcome();
    await one.client.ready();
    vi.setSystemTime(Date.now() + hours * HOUR);
    gateway.say({ t: "auth_due", in_ms: 30_000 });
    expect(await gateway.hears("auth")).toEqual({ t: "auth", token: "token 2" });
    expect(one.client.status).toMatchObject({ connected: true, error: null });

    gateway.hangUp();
    one.client.wake();
    expect(await gateway.hears("hello")).toMatchObject({ token: "token 3" });
    expect(given).toBe(3);
  },
);

test("a gateway whose clock is set back asks for a token as soon as it would have, and goes on with the next one", async () => {
  await using db = await createDatabase();
  const auth = { mode: "secret", secret: () => SECRET, jwksUrl: null, issuer: null, audience: null } as const;
  await using gateway = await TestGateway.start(db.url, { auth: { ...auth, tenantClaim: "tenant" } });
  const began = Date.now();
  const tokenFor = (seconds: number) =>
    new SignJWT({})
      .setSubject("ann")
      .setIssuedAt(Math.floor(began / 1000))
      .setExpirationTime(Math.floor(began / 1000) + seconds)
      .setProtectedHeader({ alg: "HS256" })
      .sign(new TextEncoder().encode(SECRET));
  await using wire = await WireClient.start({ url: gateway.url, token: await tokenFor(33) });
  await wire.until("a welcome", () => wire.messages.some(({ t }) => t === "welcome"));
  vi.setSystemTime(began - 5 * HOUR);
  await wire.until("auth_due", () => wire.messages.some(({ t }) => t === "auth_due"));
  const due = wire.messages.find((message) => message.t === "auth_due");
  expect(due).toMatchObject({ in_ms: expect.closeTo(30_000, -4) });
  wire.send({ t: "auth", token: await tokenFor(3600) });
  wire.send({ t: "auth", token: "no token" });
  // The first of them was taken: the connection ends by the second one alone.
  await wire.until("the end", () => wire.closed !== null);
  expect(wire.messages.at(-1)).toMatchObject({ t: "error", code: "SY105" });
  expect(wire.messages.filter(({ t }) => t === "auth_due")).toHaveLength(1);
});
