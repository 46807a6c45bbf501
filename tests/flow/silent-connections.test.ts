import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import { Schema } from "apache-arrow";
import { afterEach, beforeEach, expect, test } from "vitest";

import { encapsulated, schemaMessage } from "../../src/devserver/arrow/ipc.ts";
import {
  decodeAny,
  decodeCommandStatementQuery,
  decodeFlightDescriptor,
  encodeFlightInfo,
} from "../../src/devserver/flight/messages.ts";
import { createFlightClient, type FlightClient } from "../../src/flight/client.ts";
import { FLIGHT_SERVICE } from "../../src/flight/protocol/service.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { waitFor } from "../support/wait-for.ts";

const TIMES = { connectMs: 300, answerMs: 600 };

type Reply = sendUnaryData<Buffer>;

let server: Server;
let proxy: TcpProxy;
let client: FlightClient;
/** Queries that nobody has answered yet. */
let waiting: Map<string, Reply>;
let isAnswering: boolean;

beforeEach(async () => {
  server = new Server();
  waiting = new Map();
  isAnswering = true;
  const asIs = (bytes: Buffer) => bytes;
  const bytes = {
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
  const plan = {
    path: FLIGHT_SERVICE.getFlightInfo,
    requestStream: false,
    responseStream: false,
    ...bytes,
  } as const;
  server.addService(
    { plan },
    {
      plan(call: ServerUnaryCall<Buffer, Buffer>, reply: Reply) {
        const sql = decodeCommandStatementQuery(decodeAny(decodeFlightDescriptor(call.request).cmd).value);
        if (isAnswering) reply(null, PLAN);
        else waiting.set(sql, reply);
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  proxy = await TcpProxy.start({ host: "127.0.0.1", port });
  client = createFlightClient({
    address: new URL(`http://127.0.0.1:${proxy.port}`),
    token: () => null,
    times: TIMES,
  });
});
afterEach(async () => {
  client.close();
  server.forceShutdown();
  await proxy[Symbol.asyncDispose]();
});

const PLAN = encodeFlightInfo({
  schema: encapsulated(schemaMessage(new Schema([]))),
  descriptor: new Uint8Array(),
  tickets: [Buffer.of(1)],
});

function plan(sql = "SELECT 1") {
  return client.plan(sql, { stream: false, signal: AbortSignal.timeout(20_000) });
}

test("a peer that accepts connections and is silent at first is left: once it is healthy, all goes on", async () => {
  proxy.blackHole = true;
  await expect(plan()).rejects.toMatchObject({ code: "SY104", message: "No connection within 0.3 s" });
  await expect(client.highestBlock("t", AbortSignal.timeout(20_000))).rejects.toMatchObject({
    code: "SY104",
  });
  proxy.blackHole = false; // For new connections; what was accepted stays silent for ever.
  await plan();
});

test("calls that begin while a connection is awaited have their whole time", async () => {
  proxy.blackHole = true;
  const first = plan().catch((error: unknown) => error);
  await waitFor("the silent connection", () => proxy.connections.length === 1);
  const second = plan().catch((error: unknown) => error);
  for (const error of await Promise.all([first, second])) {
    expect(error).toMatchObject({ message: "No connection within 0.3 s" });
  }
  proxy.blackHole = false;
  await plan();
});

test("a connection that stood and falls silent is left after the first call without an answer", async () => {
  await plan();
  for (const connection of proxy.connections) connection.stalled.add("up").add("down");
  await expect(plan()).rejects.toMatchObject({ code: "SY104", message: "No answer within 0.6 s" });
  await plan();
});

test("a partition during which connections are accepted ends with the partition", async () => {
  await plan();
  for (const connection of proxy.connections) connection.stalled.add("up").add("down");
  proxy.blackHole = true;
  for (const message of [
    "No answer within 0.6 s",
    "No connection within 0.3 s",
    "No connection within 0.3 s",
  ]) {
    await expect(plan()).rejects.toMatchObject({ code: "SY104", message });
  }
  proxy.blackHole = false;
  await plan();
});

test("a call that is late does not end the others of its connection", async () => {
  isAnswering = false;
  const late = plan("late").catch((error: unknown) => error);
  await waitFor("the first call to arrive", () => waiting.has("late"));
  const [connection] = proxy.connections;
  // Its own time begins later, so it is still waiting when the other is late.
  const begun = performance.now();
  await waitFor("some of its time to pass", () => performance.now() - begun > 200);
  const other = plan("other");
  await waitFor("the second call to arrive", () => waiting.has("other"));
  expect(await late).toMatchObject({ message: "No answer within 0.6 s" });
  isAnswering = true;
  await plan("on another connection");
  expect(proxy.connections).toHaveLength(2);
  waiting.get("other")!(null, PLAN);
  await other;
  await waitFor("the retired connection to be closed", () => !proxy.connections.includes(connection!));
});

test("connections that are left are closed, however many there were", async () => {
  proxy.blackHole = true;
  for (let attempt = 0; attempt < 3; attempt++) await expect(plan()).rejects.toMatchObject({ code: "SY104" });
  await waitFor("the silent connections to be closed", () => proxy.connections.length === 0);
});

test("a stream whose peer never speaks is given up when the time to connect is over", async () => {
  proxy.blackHole = true;
  const opening = client.open("SELECT 1", { stream: true, signal: AbortSignal.timeout(20_000) });
  await expect(opening).rejects.toMatchObject({
    code: "SY104",
    message: "No connection within 0.3 s",
  });
  await waitFor("its connection to be closed", () => proxy.connections.length === 0);
});

test("an abort ends a call that waits for a silent peer at once", async () => {
  proxy.blackHole = true;
  const abort = new AbortController();
  const planning = client.plan("SELECT 1", { stream: false, signal: abort.signal });
  await waitFor("the silent connection", () => proxy.connections.length === 1);
  abort.abort(new Error("shutting down"));
  await expect(planning).rejects.toThrow("shutting down");
});
