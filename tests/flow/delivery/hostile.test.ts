import { once } from "node:events";
import { connect, type Socket } from "node:net";

import { afterAll, beforeAll, expect, test } from "vitest";

import { TestGateway, tokenOf } from "../../support/delivery/gateway.ts";
import { WireClient } from "../../support/delivery/wire-client.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres/postgres.ts";
import { waitFor } from "../../support/wait-for.ts";

let db: TestDatabase;
let gateway: TestGateway;
beforeAll(async () => {
  db = await createDatabase();
  gateway = await TestGateway.start(db.url, { allowedOrigins: ["https://app.example"] });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
});

/** An error that nobody takes would end the process, and fails this file. */
async function isServing(): Promise<void> {
  await using wire = await WireClient.start({ url: gateway.url });
  await wire.until("a welcome", () => wire.messages.some(({ t }) => t === "welcome"));
}

async function upgrade(path: string, headers: readonly string[] = []): Promise<Socket> {
  const socket = connect(Number(new URL(gateway.url).port), "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  const lines = [
    `GET ${path} HTTP/1.1`,
    "Host: gateway",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ...headers,
  ];
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  return socket;
}

test("what is no notice of ours on the gateways' channel is passed over", async () => {
  for (const payload of ["", "no JSON", "null", "7", "[]", '{"client": 7, "generation": null}']) {
    await db.query("select pg_notify('ampsync_gateway', $1)", [payload]);
  }
  await using wire = await WireClient.start({ url: gateway.url });
  await wire.until("a welcome", () => wire.messages.some(({ t }) => t === "welcome"));
  await db.query("select ampsync.disconnect_client($1)", [wire.client]);
  await wire.until("what comes after them is heard", () => wire.closed !== null);
});

test("a connection that is refused may break off at any moment", async () => {
  for (let n = 0; n < 20; n++) {
    const socket = await upgrade("/elsewhere");
    if (n % 2 === 0) await once(socket, "data");
    socket.resetAndDestroy();
  }
  const kept = await upgrade("/elsewhere");
  await once(kept.resume(), "close"); // The gateway does not wait for its end.
  await isServing();
});

test.each([
  ["of another protocol", []],
  ["of another origin", ["Sec-WebSocket-Protocol: ampsync.1", "Origin: https://evil.example"]],
])("a socket %s may send what is no frame", async (_, headers) => {
  const socket = await upgrade("/v1/sync", headers);
  await once(socket, "data");
  socket.write(Buffer.from([0xff, 0xff, 0xff, 0xff]));
  await once(socket.resume(), "close");
  await isServing();
});

test("a client that acknowledges what it was never sent keeps nobody from being noted", async () => {
  await using liar = await WireClient.start({ url: gateway.url, acks: false });
  await liar.until("a welcome", () => liar.messages.some(({ t }) => t === "welcome"));
  liar.send({ t: "ack", position: "9999999999999999999", blocks: "-9999999999999999999" });
  await using other = await WireClient.start({ url: gateway.url, token: tokenOf({ sub: "other" }) });
  await other.until("a welcome", () => other.messages.some(({ t }) => t === "welcome"));
  await waitFor("it is noted", async () => {
    expect(gateway.lines.join()).not.toContain("gateway_heartbeat_failed");
    const { rows } = await db.query("select from ampsync_private.session where acked is not null");
    return rows.length > 0;
  });
});
