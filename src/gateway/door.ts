import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";

import { type WebSocket, WebSocketServer } from "ws";

import { CLOSE, SUBPROTOCOL } from "../wire/codec.ts";
import { isAllowed } from "./http.ts";

/** What is longer is not even read; from what is longer than allowed on a client is told so. */
const MOST_BYTES = 2 * 1024 * 1024;

export interface DoorOptions {
  readonly allowedOrigins: readonly string[];
  /** Nobody is let in: the gateway stops, or too many have not said who they are. */
  readonly isShut: () => boolean;
  readonly connected: (socket: WebSocket) => void;
}

/** Where sockets come in: who speaks our protocol, from a page that may, is let in. */
export class Door {
  readonly #options: DoorOptions;
  readonly #sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MOST_BYTES,
    handleProtocols: (protocols) => (protocols.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });

  constructor(server: Server, options: DoorOptions) {
    this.#options = options;
    server.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
  }

  close(): void {
    this.#sockets.close();
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { isShut, allowedOrigins, connected } = this.#options;
    const { url = "", headers } = request;
    const isOurs = url.replace(/\?.*$/s, "") === "/v1/sync";
    if (!isOurs || isShut()) {
      socket.on("error", nothing); // Whoever goes away before the answer: without it Node would end.
      socket.once("finish", () => socket.destroy());
      socket.end(`HTTP/1.1 ${isOurs ? "503 Service Unavailable" : "404 Not Found"}\r\n\r\n`);
      return;
    }
    this.#sockets.handleUpgrade(request, socket, head, (client) => {
      client.on("error", nothing); // Followed by its close, also of those who are not let in.
      if (client.protocol !== SUBPROTOCOL) client.close(CLOSE.upgrade);
      else if (!isAllowed(headers.origin, allowedOrigins)) client.close(CLOSE.forbidden);
      else connected(client);
    });
  }
}

/** Not made where it is used: there it would keep the request as long as the socket. */
function nothing(): void {}
