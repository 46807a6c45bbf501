import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { createAdminClient } from "../../src/admin/client.ts";
import { httpsGet } from "../../src/admin/https-get.ts";
import { Authority } from "../support/tls/authority.ts";

const authority = new Authority();
const DATASET = { namespace: "_", name: "anvil", revision: null };

let server: Server;
let address: string;
let requests: IncomingMessage[];
let answer: (response: ServerResponse) => void;

beforeAll(async () => {
  server = createServer(authority.issue({ name: "server", hosts: ["localhost"] }), (request, response) => {
    requests.push(request);
    answer(response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  address = `https://localhost:${(server.address() as AddressInfo).port}`; // It listens on TCP.
});
beforeEach(() => {
  requests = [];
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

function ask(signal: AbortSignal = AbortSignal.timeout(10_000)) {
  const get = httpsGet(() => ({ ca: authority.cert, identity: null }));
  return createAdminClient({ address: new URL(address), token: () => "hunter2", get }).version(
    DATASET,
    signal,
  );
}

describe("over TLS the Admin API is asked as without it:", () => {
  test("with the token; a redirect is not followed", async () => {
    answer = (response) => response.writeHead(307, { location: `${address}/elsewhere` }).end();
    await expect(ask()).rejects.toMatchObject({ code: "SY104", detail: expect.stringContaining("HTTP 307") });
    expect(requests.map(({ url }) => url)).toEqual(["/datasets/_/anvil/versions"]);
    expect(requests[0]?.headers.authorization).toBe("Bearer hunter2");
  });

  test("a body of more than 16 MiB is not read to its end", async () => {
    let sent = 0;
    answer = (response) => {
      const chunk = Buffer.alloc(1024 * 1024, " ");
      const send = () => {
        while (sent < 200 && !response.destroyed) {
          sent += 1;
          if (!response.write(chunk)) {
            response.once("drain", send);
            return;
          }
        }
        response.end();
      };
      send();
    };
    await expect(ask()).rejects.toMatchObject({
      code: "SY104",
      message: "The answer has more than 16777216 bytes",
    });
    expect(sent).toBeLessThan(100);
  });

  test.each([204, 304, 799])("an answer of status %d is an error of its own", async (status) => {
    answer = (response) => response.writeHead(status).end();
    await expect(ask()).rejects.toMatchObject({ code: "SY104" });
  });

  test.each([
    [
      "that changes the protocol",
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
    ],
    ["that breaks off", "HTTP/1.1 20"],
    ["that is none", ""],
  ])("an answer %s is an error, too", async (_, bytes) => {
    answer = (response) => response.socket?.end(bytes);
    await expect(ask()).rejects.toMatchObject({ code: "SY104" });
  });

  test("how long to wait is heard", async () => {
    answer = (response) => response.writeHead(503, { "retry-after": "7" }).end("busy");
    await expect(ask()).rejects.toMatchObject({ code: "SY104", retryAfterS: 7 });
  });

  test("an abort throws its reason", async () => {
    answer = () => {};
    const stop = new AbortController();
    const asked = ask(stop.signal);
    stop.abort(new Error("told to stop"));
    await expect(asked).rejects.toThrow("told to stop");
  });
});
