import { randomUUID } from "node:crypto";

import { afterAll, beforeAll, expect, test } from "vitest";

import { TestGateway, tokenOf } from "../../support/delivery/gateway.ts";
import { WireClient } from "../../support/delivery/wire-client.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres/postgres.ts";

// Tokens of a subject that was revoked, at each of a gateway's doors.

const OFTEN = { deadlines: { heartbeatMs: 100 } };

let db: TestDatabase;
let gateway: TestGateway;
beforeAll(async () => {
  db = await createDatabase();
  gateway = await TestGateway.start(db.url, OFTEN);
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
});

const now = () => Math.floor(Date.now() / 1000);
const given = (sub: string, iat: number) => tokenOf({ sub, iat });
const revoke = (sub: string) => db.query("select ampsync.revoke_subject($1, reason => 'a test')", [sub]);

async function welcomed(token: string): Promise<WireClient> {
  const wire = await WireClient.start({ url: gateway.url, token });
  await wire.until("an answer", () => wire.messages.length > 0);
  return wire;
}

const chunk = async (token: string) => {
  const headers = { authorization: `Bearer ${token}` };
  return (await fetch(`${gateway.url}/v1/snapshots/${randomUUID()}/0`, { headers })).status;
};

test("none of them opens a session, loads a chunk or renews one; what is given later does", async () => {
  const [before, after] = [given("ann", now() - 10), given("ann", now() + 10)];
  await using wire = await welcomed(before);
  await revoke("ann");
  await wire.until("the open socket is closed", () => wire.closed !== null);
  expect(wire.closed).toEqual({ code: 4401 });
  await using refused = await welcomed(before);
  await refused.until("its end", () => refused.closed !== null);
  expect(refused.messages[0]).toMatchObject({ t: "error", code: "SY105" });
  expect(refused.closed).toEqual({ code: 4401 });
  expect(await chunk(before)).toBe(401);
  expect(await chunk(after)).toBe(404);
  await using good = await welcomed(after);
  expect(good.messages[0]).toMatchObject({ t: "welcome" });
  good.send({ t: "auth", token: before });
  await good.until("its end", () => good.closed !== null);
  expect(good.closed).toEqual({ code: 4401 });
});

test("an open socket is closed also where the word of it is lost, and no other one", async () => {
  await using wire = await welcomed(given("bob", now() - 10));
  await using other = await welcomed(given("eve", now() - 10));
  await db.query("insert into ampsync_private.revoked (subject, at) values ('bob', now())"); // And nobody is told.
  await wire.until("its end", () => wire.closed !== null);
  expect(wire.messages.at(-1)).toMatchObject({ t: "error", code: "SY105", message: "the token was revoked" });
  expect(wire.closed).toEqual({ code: 4401 });
  expect(other.closed).toBeNull();
});
