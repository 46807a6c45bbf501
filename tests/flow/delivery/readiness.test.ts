// Takes 10 s.
import { expect, test } from "vitest";

import { TestGateway } from "../../support/delivery/gateway.ts";
import { WireClient } from "../../support/delivery/wire-client.ts";
import { createDatabase } from "../../support/postgres/postgres.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";
import { waitFor } from "../../support/wait-for.ts";

// What load balancers ask a gateway.

async function readyz(gateway: TestGateway): Promise<string> {
  const answer = await fetch(`${gateway.url}/readyz`);
  return `${answer.status} ${(await answer.text()).trim()}`;
}

const becomes = (gateway: TestGateway, what: string) =>
  waitFor(what, async () => (await readyz(gateway)) === what);

test("a gateway is ready while its database answers, and has what the gateway calls", async () => {
  await using db = await createDatabase();
  await using proxy = await TcpProxy.toPostgres(db.url);
  await using gateway = await TestGateway.start(proxy.url(db.url));
  expect(await readyz(gateway)).toBe("200 ready");
  await db.query("alter function ampsync_worker.close_session rename to close_session_of_old");
  await becomes(gateway, "503 the database lacks what this gateway needs: ampsync migrate");
  const { rows } = await db.query("select ampsync.version() as version");
  const version: string = rows[0]!["version"];
  await expect(TestGateway.start(db.url, { version })).rejects.toMatchObject({
    ...{ code: "SY901", detail: expect.stringContaining(`another build of version ${version}`) },
  });
  await db.query("alter function ampsync_worker.close_session_of_old rename to close_session");
  await becomes(gateway, "200 ready");
  await db.query("update ampsync_private.source set version = '0.0.0-older' where name = 'functions'");
  await becomes(gateway, "503 the database lacks what this gateway needs: ampsync migrate");
  await db.query("update ampsync_private.source set version = '99.0.0' where name = 'functions'");
  await becomes(gateway, "200 ready");
  proxy.stallAll();
  await becomes(gateway, "503 the database does not answer");
  expect((await fetch(`${gateway.url}/healthz`)).status).toBe(200);
  proxy.resume();
  await becomes(gateway, "200 ready");
  proxy.refuses = true;
  proxy.cutAll();
  await becomes(gateway, "503 the database does not answer");
});

test("a gateway whose database has fallen silent does not wait for it when it stops", async () => {
  await using db = await createDatabase();
  await using proxy = await TcpProxy.toPostgres(db.url);
  await using gateway = await TestGateway.start(proxy.url(db.url));
  await using client = await WireClient.start({ url: gateway.url });
  await client.until("a welcome", () => client.messages.length > 0);
  proxy.stallAll();
  expect(await gateway.stop(200)).toBe(false);
  await client.until("the goodbye", () => client.closed !== null);
  proxy.resume();
  expect(await gateway.stop(60_000)).toBe(true);
});

test("a gateway that is full, or stops, is not ready", async () => {
  await using db = await createDatabase();
  await using gateway = await TestGateway.start(db.url, { maxClients: 1 });
  await using client = await WireClient.start({ url: gateway.url });
  await client.until("a welcome", () => client.messages.length > 0);
  expect(await readyz(gateway)).toBe("503 the gateway is full");
  client.cut();
  await becomes(gateway, "200 ready");
});
