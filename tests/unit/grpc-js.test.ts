import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";

import { credentials } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";

import { connector } from "../../src/flight/connection.ts";
import { waitFor } from "../support/wait-for.ts";

/** Accepts connections, and says nothing. */
class Peer implements AsyncDisposable {
  readonly #server = createServer();

  static async start(): Promise<Peer> {
    const peer = new Peer();
    await once(peer.#server.listen(0, "127.0.0.1"), "listening");
    return peer;
  }

  /** A connection of ours, and its other end. */
  async connected(protocol: string) {
    const { port } = this.#server.address() as AddressInfo; // It listens on TCP.
    const accepted = once(this.#server, "connection");
    const address = new URL(`${protocol}://localhost:${port}`);
    const connections = connector(address, 1024, () => ({ ca: null, identity: null }));
    const { client, close } = connections.open();
    client.getChannel().getConnectivityState(true);
    const [socket]: Socket[] = await accepted;
    socket!.resume().on("error", () => {}); // It is cut off.
    return { connections, socket: socket!, close };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    await once(this.#server, "close");
  }
}

test.each([
  ["with TLS", credentials.createSsl()],
  ["without TLS", credentials.createInsecure()],
])("credentials %s have the method of grpc-js's own that connections replace", (_, channel) => {
  const why = "see intercept in src/flight/connection.ts";
  expect(channel._createSecureConnector, why).toBeTypeOf("function");
  const secure = channel._createSecureConnector({ scheme: "dns", path: "localhost:1" }, {});
  expect(secure.connect, why).toBeTypeOf("function");
  secure.destroy();
});

describe("grpc-js calls it, so that a connection", () => {
  test("knows why TLS failed", async () => {
    await using peer = await Peer.start();
    const { connections, socket, close } = await peer.connected("https");
    socket.end("no TLS\r\n");
    await waitFor("the failure", () => connections.tlsFailure() !== null);
    expect(connections.tlsFailure()).toMatchObject({ code: "SY109" });
    close();
  });

  test.each(["http", "https"])(
    "knows its sockets: closed, it leaves a silent peer of %s none",
    async (protocol) => {
      await using peer = await Peer.start();
      const { socket, close } = await peer.connected(protocol);
      const closed = once(socket, "close");
      close();
      await closed;
    },
  );
});
