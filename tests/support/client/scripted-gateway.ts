import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import { type WebSocket as Socket, WebSocketServer } from "ws";
import { decodeFromClient, decodeFromGateway, encode, SUBPROTOCOL } from "../../../src/wire/codec.ts";
import type { FromClient } from "../../../src/wire/from-client.ts";
import { waitFor } from "../wait-for.ts";
import { EPOCH } from "./tables.ts";

/** A gateway that says what its test says, when it says so. */
export class ScriptedGateway implements AsyncDisposable {
  readonly heard: FromClient[] = [];
  /** What it answers those who ask for a chunk. */
  chunkStatus = 404;
  chunk: Uint8Array | null = null;
  chunksAsked = 0;
  readonly #server: Server;
  readonly #sockets = new WebSocketServer({ noServer: true, handleProtocols: () => SUBPROTOCOL });
  #socket: Socket | null = null;

  private constructor(server: Server) {
    this.#server = server;
    server.on("request", (_, response) => {
      this.chunksAsked++;
      response.writeHead(this.chunkStatus).end(this.chunk);
    });
    server.on("upgrade", (request, socket, head) =>
      this.#sockets.handleUpgrade(request, socket, head, (opened) => {
        this.#socket = opened;
        opened.on("message", (data) => this.heard.push(decodeFromClient(String(data))));
      }),
    );
  }

  static async start(): Promise<ScriptedGateway> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new ScriptedGateway(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async hears<T extends FromClient["t"]>(t: T): Promise<Extract<FromClient, { t: T }>> {
    let found: FromClient | undefined;
    await waitFor(`${t} of the client`, () => {
      found = this.heard.find((message) => message.t === t);
      return found !== undefined;
    });
    return found as Extract<FromClient, { t: T }>;
  }

  welcome(shapes: readonly unknown[] = [], tables: readonly unknown[] = []): void {
    const session = EPOCH;
    const at = { head: "0", now: "2026-11-28T12:00:00.123Z", schema: "1.0.0", last_seq: "0" };
    this.say({ t: "welcome", session, epoch: EPOCH, ...at, shapes, tables });
  }

  say(message: unknown): void {
    this.#socket?.send(encode(decodeFromGateway(JSON.stringify(message))));
  }

  hangUp(): void {
    this.heard.length = 0;
    this.#socket?.terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket?.terminate();
    this.#sockets.close();
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }
}
