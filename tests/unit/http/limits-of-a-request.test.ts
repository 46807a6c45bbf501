import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";

import { afterEach, expect, test } from "vitest";

import { HttpClient } from "../../../src/http/client.ts";
import { connectionRoom } from "../../../src/ingest/connection-room.ts";
import { waitFor } from "../../support/wait-for.ts";

const KIB = 1024;
const NEVER = new AbortController().signal;
const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
});

async function listening(server: Server): Promise<URL> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closing.push(async () => {
    server.close();
    server.closeAllConnections();
  });
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`); // It listens on TCP.
}

function client(): HttpClient {
  const made = new HttpClient({ maxBytes: 64 * KIB, refuses: () => null, userAgent: "test/1" });
  closing.unshift(() => made.close());
  return made;
}

function get(one: HttpClient, url: URL) {
  return one.send({ url, method: "GET", headers: {}, body: null, timeoutMs: 10_000 }, { signal: NEVER });
}

test.each([
  [15, "answer"],
  [17, "failure"],
])("H52 headers of %i KiB: %s", async (kib, kind) => {
  const url = await listening(
    createServer((_, response) => {
      for (let n = 0; n < kib; n++) response.setHeader(`x-${n}`, "y".repeat(KIB - 10));
      response.end("[]");
    }),
  );
  expect((await get(client(), url)).kind).toBe(kind);
});

test.each([
  [5, "answer"],
  [6, "failure"],
])("H52 a body in %i encodings: %s", async (count, kind) => {
  const url = await listening(
    createServer((_, response) => {
      let body = Buffer.from("[]");
      for (let n = 0; n < count; n++) body = gzipSync(body);
      response.setHeader("content-encoding", Array.from({ length: count }, () => "gzip").join(", "));
      response.end(body);
    }),
  );
  expect((await get(client(), url)).kind).toBe(kind);
});

test.each([
  [5, 10],
  [30, 30],
])(
  "H52 with at most %i requests under way there are %i connections, opened one at a time",
  async (most, connections) => {
    let held: (() => void)[] = [];
    const url = await listening(createServer((_, response) => void held.push(() => response.end("[]"))));
    const one = client();
    const requests: Promise<unknown>[] = [];
    while (connectionRoom(one, url, most) > 0) {
      expect(connectionRoom(one, url, most)).toBe(1);
      requests.push(get(one, url));
      expect(connectionRoom(one, url, most)).toBe(0); // It opens one.
      await waitFor("the request", () => held.length === requests.length);
    }
    expect(requests).toHaveLength(connections);
    for (const answer of held) answer();
    held = [];
    await Promise.all(requests);
    expect(connectionRoom(one, url, most)).toBe(connections);
  },
);
