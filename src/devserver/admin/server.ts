import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import type { Catalog } from "../catalog.ts";
import type { Misbehaviour } from "../misbehaviour.ts";
import { portTaken } from "../port-taken.ts";
import { failure } from "./answer.ts";
import { answerAdminRequest } from "./routes.ts";

export interface AdminServer {
  readonly port: number;
  /** Method and path of each request so far. */
  readonly requests: readonly string[];
  stop(): Promise<void>;
}

/** The Admin API on the loopback. */
export async function startAdminServer(
  catalog: Catalog,
  misbehaviour: Readonly<Misbehaviour>,
  port: number,
): Promise<AdminServer> {
  const requests: string[] = [];
  const server = createServer(({ method = "", url = "/", headers }, response) => {
    requests.push(`${method} ${url}`);
    const { generation, token, adminFailure } = misbehaviour;
    const isAllowed = token === null || headers.authorization === `Bearer ${token}`;
    const { status, body } = !isAllowed
      ? failure(401, "UNAUTHENTICATED", "the token is missing, wrong or expired")
      : adminFailure === null
        ? answerAdminRequest(catalog, generation, method, url)
        : failure(adminFailure.status, "MADE_FOR_A_TEST", "the server was told to fail");
    if (adminFailure?.retryAfterS !== undefined) {
      response.setHeader("retry-after", adminFailure.retryAfterS);
    }
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
    requests,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
