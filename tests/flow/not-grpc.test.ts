import { once } from "node:events";
import { createServer as createHttp1Server } from "node:http";
import { createServer, type OutgoingHttpHeaders } from "node:http2";
import type { AddressInfo, Server as NetServer, Socket } from "node:net";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { AmpsyncError } from "../../src/errors.ts";
import { authorization, callStream } from "../../src/flight/calls.ts";
import { createFlightClient } from "../../src/flight/client.ts";
import { connector } from "../../src/flight/connection.ts";
import { flightError } from "../../src/flight/flight-error.ts";
import { FLIGHT_SERVICE } from "../../src/flight/protocol/service.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { Scenario } from "../support/worker/scenario.ts";

const PAGE = "<html><body>default backend</body></html>";

/** What stands before a server may say instead of it, and what a stream makes of that. */
const ANSWERS: readonly (readonly [string, OutgoingHttpHeaders, string, code: string])[] = [
  ["404 with a page", { ":status": 404, "content-type": "text/html" }, PAGE, "SY104"],
  ["404 without a body", { ":status": 404 }, "", "SY104"],
  [
    "what Envoy makes of a 404",
    { ":status": 200, "content-type": "application/grpc", "grpc-status": "12" },
    "",
    "SY104",
  ],
  ["200 with a page", { ":status": 200, "content-type": "text/html" }, PAGE, "SY104"],
  ["200 with an empty page", { ":status": 200, "content-type": "text/html" }, "", "SY104"],
  ["200 of no type, which looks like an empty message", { ":status": 200 }, "\0\0\0\0\0", "SY104"],
  ["JSON", { ":status": 200, "content-type": "application/json" }, '{"error":"not found"}', "SY104"],
  ["a redirect to a login", { ":status": 302, location: "https://login.test/" }, "", "SY104"],
  ["400", { ":status": 400, "content-type": "text/plain" }, "non-incremental", "SY104"],
  ["413", { ":status": 413, "content-type": "text/html" }, PAGE, "SY104"],
  ["429", { ":status": 429, "content-type": "text/html" }, PAGE, "SY104"],
  ["500", { ":status": 500, "content-type": "text/html" }, PAGE, "SY104"],
  ["503", { ":status": 503, "content-type": "text/html" }, PAGE, "SY104"],
  ["401", { ":status": 401, "content-type": "text/html" }, PAGE, "SY105"],
  ["403", { ":status": 403, "content-type": "text/html" }, PAGE, "SY105"],
];

/** Answers every request in the same way, which may be changed. */
class Ingress implements AsyncDisposable {
  headers: OutgoingHttpHeaders = { ":status": 404 };
  body = PAGE;
  readonly #server = createServer();
  readonly #sockets = new Set<Socket>();

  static async start(): Promise<Ingress> {
    const ingress = new Ingress();
    await listen(ingress.#server, ingress.#sockets);
    ingress.#server.on("stream", (stream) => {
      stream.on("error", () => {}); // The client goes once it has seen enough.
      stream.respond(ingress.headers);
      stream.end(ingress.body);
    });
    return ingress;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port; // It listens on TCP.
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}

async function listen(
  server: NetServer | ReturnType<typeof createServer>,
  sockets: Set<Socket>,
): Promise<void> {
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
}

let ingress: Ingress;
beforeAll(async () => {
  ingress = await Ingress.start();
});
afterAll(() => ingress[Symbol.asyncDispose]());

describe("an answer that is not gRPC", () => {
  const signal = AbortSignal.timeout(20_000);

  /** What planning and what reading end with. */
  async function failures(address: string): Promise<readonly AmpsyncError[]> {
    const client = createFlightClient({ address: new URL(address), token: () => null });
    const connection = connector(new URL(address), 1_000_000, () => ({ ca: null, identity: null })).open();
    const get = { method: FLIGHT_SERVICE.doGet, request: Buffer.of(), headers: authorization(null) };
    try {
      const ended = await Promise.allSettled([
        client.plan("SELECT 1", { stream: true, signal }),
        callStream(connection.client, { ...get, signal, connectMs: 10_000 }).next(),
      ]);
      return ended.map((end) => {
        const error = end.status === "rejected" ? flightError(end.reason) : null;
        if (error instanceof AmpsyncError) return error;
        throw new Error("it did not fail as it should", { cause: end });
      });
    } finally {
      client.close();
      connection.close();
    }
  }

  test.each(ANSWERS)("%s", async (_, headers, body, code) => {
    Object.assign(ingress, { headers, body });
    for (const error of await failures(`http://127.0.0.1:${ingress.port}`))
      expect(error).toMatchObject({ code });
  });

  test("a page says so, and which type it has", async () => {
    Object.assign(ingress, { headers: { ":status": 200, "content-type": "text/html" }, body: PAGE });
    const [planning] = await failures(`http://127.0.0.1:${ingress.port}`);
    expect(planning?.detail).toContain("The answer is not gRPC, its content type is text/html");
  });

  test("a server that speaks HTTP/1.1 only", async () => {
    const server = createHttp1Server((_, response) => response.end(PAGE));
    const sockets = new Set<Socket>();
    await listen(server, sockets);
    try {
      const { port } = server.address() as AddressInfo; // It listens on TCP.
      for (const error of await failures(`http://127.0.0.1:${port}`)) expect(error.code).toBe("SY104");
    } finally {
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  });
});

test("an ingress that answers in place of the server, whatever it says, stops no stream", async () => {
  await using scenario = await Scenario.start();
  const { flightAddress } = scenario.server;
  await using proxy = await TcpProxy.toHttp(flightAddress);
  scenario.startWorker({ flightAddress: proxy.url(flightAddress) });
  const server = proxy.target;
  const source = new GeneratedSource({ blocks: 20, logsPerBlock: 3 });
  const sync = await scenario.follow(source);
  await sync.catchesUp();

  proxy.target = { host: "127.0.0.1", port: ingress.port };
  for (const [what, headers, body, expected] of ANSWERS) {
    Object.assign(ingress, { headers, body });
    proxy.cutAll();
    const before = (await sync.stream())?.attempts ?? 0;
    const { code } = await sync.until(`a retry after ${what}`, async ({ state, attempts }) => {
      await scenario.hurry();
      return state === "retrying" && attempts >= before + 2; // The first may have met the answer before.
    });
    expect({ what, code }).toEqual({ what, code: expected });
  }
  proxy.target = server;
  proxy.cutAll();
  source.mine(3);
  await sync.catchesUp();
  expect(await sync.events("stream_failed")).toBe(0);
  await sync.expectSourceRows();
});
