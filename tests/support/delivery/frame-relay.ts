import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import WebSocket, { WebSocketServer } from "ws";

import { SUBPROTOCOL } from "../../../src/wire/codec.ts";

/** What becomes of a message of the gateway: any number of messages. */
export type Alter = (message: string) => readonly string[];

/** Between clients and a gateway: hands messages on, and what a test makes of them. Chunks go past it. */
export class FrameRelay implements AsyncDisposable {
  alter: Alter = (message) => [message];
  readonly #server: Server;
  readonly #sockets = new WebSocketServer({ noServer: true, handleProtocols: () => SUBPROTOCOL });

  private constructor(server: Server, gateway: string) {
    this.#server = server;
    server.on("upgrade", (request, socket, head) => {
      const up = new WebSocket(`${gateway.replace(/^http/, "ws")}/v1/sync`, SUBPROTOCOL);
      up.on("error", () => socket.destroy());
      up.once("open", () =>
        this.#sockets.handleUpgrade(request, socket, head, (down) => {
          down.on("message", (data) => up.send(data.toString()));
          up.on("message", (data) => {
            for (const message of this.alter(data.toString())) down.send(message);
          });
          down.on("close", () => up.terminate());
          up.on("close", (code) => down.close(code === 1006 || code === 1005 ? 1001 : code));
        }),
      );
    });
  }

  static async start(gateway: string): Promise<FrameRelay> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new FrameRelay(server, gateway);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#sockets.close();
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }
}
