import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import type { Catalog } from "../catalog.ts";
import { portTaken } from "../port-taken.ts";
import { answerAdminRequest } from "./routes.ts";

export interface AdminServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** The Admin API on the loopback, without authentication. */
export async function startAdminServer(catalog: Catalog, port: number): Promise<AdminServer> {
  const server = createServer((request, response) => {
    const { status, body } = answerAdminRequest(catalog, request.method ?? "", request.url ?? "/");
    response.setHeader("access-control-allow-origin", "*");
    if (body === null) {
      response.writeHead(status).end();
    } else {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(portTaken(port, error)));
    server.listen(port, "127.0.0.1", resolve);
  });
  // The address of a server that listens on a port is an object.
  const address = server.address() as AddressInfo;
  return {
    port: address.port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
