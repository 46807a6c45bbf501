import { randomUUID } from "node:crypto";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { TestGateway, tokenOf } from "../../support/delivery/gateway.ts";
import { WireClient, type WireClientOptions } from "../../support/delivery/wire-client.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres/postgres.ts";
import { waitFor } from "../../support/wait-for.ts";

const often = { deadlines: { heartbeatMs: 100 } };

let db: TestDatabase;
let gateway: TestGateway;
beforeAll(async () => {
  db = await createDatabase();
  gateway = await TestGateway.start(db.url, { address: "wss://all.example", ...often });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
});

async function connected(options: Partial<WireClientOptions> = {}): Promise<WireClient> {
  const wire = await WireClient.start({ url: gateway.url, ...options });
  await wire.until("an answer", () => wire.messages.length > 0);
  return wire;
}

/** How a client is sent away; null: it is welcome. */
async function refusal(options: Partial<WireClientOptions> = {}) {
  await using wire = await connected(options);
  const [first] = wire.messages;
  if (first?.t !== "error") return null;
  await wire.until("its end", () => wire.closed !== null);
  return { ...first, close: wire.closed!.code };
}

const limited = { code: "SY416", close: 4429, retry_ms: expect.any(Number) };

describe("over its limit, with 4429 and the time to wait, is", () => {
  test("a client that connects again and again, and no other one", async () => {
    const client = randomUUID();
    let refused = null;
    for (let n = 0; n < 100 && refused === null; n++) refused = await refusal({ client });
    expect(refused).toMatchObject(limited);
    expect(await refusal()).toBeNull();
  });

  test("one that asks for more shapes than it may have", async () => {
    const shapes = Array.from({ length: 65 }, (_, n) => ({ id: `s${n}`, shape: "none" }));
    expect(await refusal({ shapes })).toMatchObject(limited);
    expect(await refusal({ shapes: shapes.slice(1) })).toBeNull();
    await using more = await connected({ shapes: shapes.slice(1) });
    more.send({ t: "subscribe", shapes: [{ id: "s0", shape: "none", params: {}, definition: null }] });
    await more.until("its end", () => more.closed !== null);
    expect(more.messages.at(-1)).toMatchObject({ code: "SY416", retry_ms: expect.any(Number) });
    expect(more.closed).toEqual({ code: 4429 });
  });

  test("one that says too much at once", async () => {
    await using wire = await connected();
    wire.sendText(JSON.stringify({ t: "busy", more: "x".repeat(1024 * 1024) }));
    await wire.until("its end", () => wire.closed !== null);
    expect(wire.messages.at(-1)).toMatchObject({ code: "SY416", retry_ms: expect.any(Number) });
    expect(wire.closed).toEqual({ code: 4429 });
    expect(await refusal({ token: tokenOf({ more: "x".repeat(500_000) }) })).toBeNull();
  });

  test("one more client of a tenant than it may have, until another one is gone", async () => {
    await db.query("select ampsync.set_tenant_limit('small', clients => 1)");
    const token = tokenOf({ tenant: "small" });
    const first = await connected({ token });
    expect(await refusal({ token })).toMatchObject(limited);
    expect(await refusal({ token: tokenOf({ tenant: "other" }) })).toBeNull();
    first.cut();
    await waitFor("the next one is let in", async () => (await refusal({ token })) === null);
  });
});

test("a gateway of some tenants sends others to those that take them, with the addresses that clients reach", async () => {
  await using own = await TestGateway.start(db.url, { tenants: ["a", "b"], address: "wss://own.example" });
  await using full = await TestGateway.start(db.url, {
    address: "wss://full.example",
    maxClients: 1,
    ...often,
  });
  await using unknown = await TestGateway.start(db.url, { address: null, ...often });
  await using _only = await connected({ url: full.url });
  const of = (tenant: string | null, url: string) =>
    refusal({ url, token: tokenOf(tenant === null ? {} : { tenant }) });
  expect(await of("b", own.url)).toBeNull();
  await waitFor("the database knows that one is full", async () => {
    const { rows } = await db.query("select from ampsync.gateways where clients = capacity");
    return rows.length === 1;
  });
  for (const tenant of ["c", null]) {
    expect(await of(tenant, own.url)).toMatchObject({
      ...{ code: "SY104", close: 1013, message: "this gateway is for other tenants" },
      ...{ retry_ms: expect.any(Number), gateways: ["wss://all.example"] },
    });
  }
  const { rows } = await db.query("select address from ampsync.gateways order by address");
  expect(rows.map(({ address }) => address)).toEqual([
    new URL(unknown.url).host,
    ...["wss://all.example", "wss://full.example", "wss://own.example"],
  ]);
});
