import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { brotliCompressSync, gzipSync } from "node:zlib";

import { afterEach, expect, test } from "vitest";

import { AmpsyncError } from "../../src/errors.ts";
import type { HttpRequest } from "../../src/http/answer.ts";
import { HttpClient } from "../../src/http/client.ts";
import type { Outcome } from "../../src/http/exchange.ts";
import { requestFor } from "../../src/ingest/page-request.ts";
import { sourceOf } from "../support/http/source-of.ts";

const KIB = 1024;
const NEVER = new AbortController().signal;
const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
});

type Respond = (request: IncomingMessage, response: ServerResponse) => void;

/** A server on the loopback; resolves to its address. */
async function serve(respond: Respond): Promise<string> {
  const server = createServer(respond);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A server that sends these bytes, whatever it is asked, and then ends, or breaks, the connection. */
async function serveBytes(text: string, end: "end" | "resetAndDestroy" = "end"): Promise<string> {
  const server = createTcpServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.write(text, () => socket[end]()));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(async () => {
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Writes as long as somebody reads. */
function endless(response: ServerResponse): void {
  const more = () => response.write("x".repeat(64 * KIB));
  response.on("drain", more);
  more();
}

function client(options: Partial<ConstructorParameters<typeof HttpClient>[0]> = {}): HttpClient {
  const made = new HttpClient({ maxBytes: 64 * KIB, refuses: () => null, userAgent: "test/1", ...options });
  closing.unshift(() => made.close());
  return made;
}

function get(url: string, fields: Partial<HttpRequest> = {}): HttpRequest {
  return { url: new URL(url), method: "GET", headers: {}, body: null, timeoutMs: 2_000, ...fields };
}

function answerOf(outcome: Outcome) {
  if (outcome.kind === "failure") throw outcome.error;
  const { status, headers, body } = outcome.answer;
  return { status, headers, text: Buffer.from(body).toString() };
}

function failureOf(outcome: Outcome) {
  if (outcome.kind === "answer") throw new Error(`an answer: ${outcome.answer.status}`);
  const { error, isWritten } = outcome;
  return { code: error.code, message: error.message, isWritten };
}

test("an answer comes whole, with status and headers, to the request as it was made", async () => {
  const address = await serve((request, response) => {
    const { method, url, headers } = request;
    response.setHeader("x-limit", ["1", "2"]);
    response.end(JSON.stringify({ method, url, key: headers["x-key"], agent: headers["user-agent"] }));
  });
  const { status, headers, text } = answerOf(
    await client().send(get(`${address}/a?b=%2B`, { headers: { "X-Key": "k" } }), { signal: NEVER }),
  );
  expect(status).toBe(200);
  expect(headers["x-limit"]).toEqual(["1", "2"]);
  expect(JSON.parse(text)).toEqual({ method: "GET", url: "/a?b=%2B", key: "k", agent: "test/1" });
});

test("a body is posted", async () => {
  const address = await serve((request, response) => void request.pipe(response));
  const request = get(address, { method: "POST", body: '{"size":1}' });
  expect(answerOf(await client().send(request, { signal: NEVER })).text).toBe('{"size":1}');
});

test.each([
  ["gzip", gzipSync("[1]")],
  ["br", brotliCompressSync("[1]")],
  ["gzip, br", brotliCompressSync(gzipSync("[1]"))],
  ["identity", Buffer.from("[1]")],
])("a body in the encoding %s is decompressed", async (encoding, body) => {
  const address = await serve((_, response) => {
    response.setHeader("content-encoding", encoding);
    response.end(body);
  });
  expect(answerOf(await client().send(get(address), { signal: NEVER })).text).toBe("[1]");
});

test.each(["deflate", "zstd", "gzip, gzip, gzip, gzip, gzip, gzip"])(
  "an encoding that was not asked for is no answer: %s",
  async (encoding) => {
    const address = await serve((_, response) => {
      response.setHeader("content-encoding", encoding);
      response.end("x");
    });
    const { code, message } = failureOf(await client().send(get(address), { signal: NEVER }));
    expect({ code, message }).toEqual({ code: "SY303", message: `the body is encoded as ${encoding}` });
  },
);

test("a compressed body that is damaged is no answer", async () => {
  const address = await serve((_, response) => {
    response.setHeader("content-encoding", "gzip");
    response.end(gzipSync("[1]".repeat(1000)).subarray(0, 20));
  });
  expect(failureOf(await client().send(get(address), { signal: NEVER })).code).toBe("SY303");
});

test("a body without an end is given up at the limit, on the wire", async () => {
  const address = await serve((_, response) => {
    endless(response);
  });
  const bytes: number[] = [];
  const sent = client().send(get(address), { signal: NEVER, onBytes: (count) => bytes.push(count) });
  const failure = failureOf(await sent);
  expect(failure).toEqual({
    code: "SY106",
    message: "a page has more than 0.0625 MiB on the wire",
    isWritten: true,
  });
  expect(bytes.reduce((sum, count) => sum + count)).toBeLessThan(256 * KIB);
});

test("a small body that stands for a large one is given up at the limit, decompressed", async () => {
  const address = await serve((_, response) => {
    response.setHeader("content-encoding", "gzip, gzip");
    response.end(gzipSync(gzipSync(Buffer.alloc(64 * KIB + 1))));
  });
  const { code, message } = failureOf(await client().send(get(address), { signal: NEVER }));
  expect(code).toBe("SY106");
  expect(message).toContain("after decompression");
});

test("giant headers are refused", async () => {
  const address = await serveBytes(`HTTP/1.1 200 OK\r\nx: ${"y".repeat(20 * KIB)}\r\n\r\n`);
  expect(failureOf(await client().send(get(address), { signal: NEVER })).code).toBe("SY106");
});

test("a server that says nothing is given up after the time-out, and so is one that falls silent", async () => {
  const mute = await serve(() => {});
  const stalling = await serve((_, response) => void response.write("[1,"));
  const one = client();
  const [first, second] = await Promise.all([
    one.send(get(mute, { timeoutMs: 100 }), { signal: NEVER }),
    one.send(get(stalling, { timeoutMs: 100 }), { signal: NEVER }),
  ]);
  expect(failureOf(first)).toEqual({
    code: "SY104",
    message: `${mute} did not answer within 0.1 s`,
    isWritten: true,
  });
  expect(failureOf(second).message).toBe(`${stalling} fell silent for 0.1 s within an answer`);
});

test("a connection that breaks within an answer is no answer", async () => {
  const cut = await serveBytes("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n[1,");
  const reset = await serveBytes(
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\n[1,\r\n",
    "resetAndDestroy",
  );
  const one = client();
  for (const address of [cut, reset]) {
    const { code, isWritten } = failureOf(await one.send(get(address), { signal: NEVER }));
    expect({ code, isWritten }).toEqual({ code: "SY104", isWritten: true });
  }
});

test("what breaks off after a refusal leaves the refusal", async () => {
  const address = await serveBytes(
    "HTTP/1.1 429 Slow\r\nretry-after: 7\r\ncontent-length: 99\r\n\r\nslow down",
  );
  const { status, headers, text } = answerOf(await client().send(get(address), { signal: NEVER }));
  expect({ status, after: headers["retry-after"], text }).toEqual({
    status: 429,
    after: "7",
    text: "slow down",
  });
});

test.each([
  ["broke off", "content-length: 99\r\n\r\nCURSOR_EX", true],
  ["cannot be decompressed", "content-encoding: gzip\r\ncontent-length: 4\r\n\r\ngone", true],
  ["came whole", "content-length: 4\r\n\r\ngone", undefined],
])("a refusal tells that its body %s", async (_, rest, isCut) => {
  const address = await serveBytes(`HTTP/1.1 400 Bad\r\n${rest}`);
  const outcome = await client().send(get(address), { signal: NEVER });
  expect(outcome.kind === "answer" && outcome.answer.isCut).toBe(isCut);
});

test.each([204, 400])("no body is read as none, with an encoding as well: %i", async (status) => {
  const address = await serve((_, response) => {
    response.writeHead(status, { "content-encoding": "gzip" }).end();
  });
  const answer = answerOf(await client().send(get(address), { signal: NEVER }));
  expect(answer).toMatchObject({ status, text: "" });
});

test("a header of the request takes the place of ours", async () => {
  const address = await serve((request, response) => {
    response.end(
      JSON.stringify(
        request.rawHeaders.filter((_, i, all) => /^(accept|user-agent)$/i.test(all[i - (i % 2)]!)),
      ),
    );
  });
  const { headers } = requestFor(
    sourceOf({ headers: { Accept: "application/vnd.api+json", "User-Agent": "mine/2" } }),
    null,
    { since: null, until: null },
  );
  const { text } = answerOf(await client().send(get(address, { headers }), { signal: NEVER }));
  expect(JSON.parse(text)).toEqual(["user-agent", "mine/2", "accept", "application/vnd.api+json"]);
});

test("of a refusal without an end only the beginning is read", async () => {
  const address = await serve((_, response) => {
    response.statusCode = 500;
    endless(response);
  });
  const { status, text } = answerOf(
    await client({ maxBytes: 1024 * KIB }).send(get(address), { signal: NEVER }),
  );
  expect(status).toBe(500);
  expect(text.length).toBeLessThan(512 * KIB);
});

test("a server that is not there was sent nothing", async () => {
  const address = await serve(() => {});
  await closing.pop()!();
  expect(failureOf(await client().send(get(address), { signal: NEVER }))).toEqual({
    code: "SY104",
    message: `${address} cannot be reached`,
    isWritten: false,
  });
});

test("redirects are not followed", async () => {
  const address = await serve((_, response) => {
    response.writeHead(302, { location: "/other" }).end();
  });
  const { status, headers } = answerOf(await client().send(get(address), { signal: NEVER }));
  expect({ status, to: headers["location"] }).toEqual({ status: 302, to: "/other" });
});

test("an address that is refused is never connected to, behind a name or as a literal", async () => {
  let connections = 0;
  const address = await serve((_, response) => {
    connections++;
    response.end("[]");
  });
  const { port } = new URL(address);
  const asked: string[] = [];
  const refuses = (origin: URL, to: string) => {
    asked.push(`${origin.hostname} ${to}`);
    return new AmpsyncError("SY305", `${origin.hostname} is ${to}`);
  };
  const one = client({ refuses });
  for (const host of ["localhost", "127.0.0.1", "[::1]"]) {
    const { code, isWritten } = failureOf(await one.send(get(`http://${host}:${port}/`), { signal: NEVER }));
    expect({ code, isWritten }).toEqual({ code: "SY305", isWritten: false });
  }
  expect(asked).toContain("localhost 127.0.0.1");
  expect(asked.slice(-2)).toEqual(["127.0.0.1 127.0.0.1", "[::1] ::1"]);
  expect(connections).toBe(0);
});

test("connections are kept, and counted while they have nothing to do", async () => {
  const ports = new Set<number | undefined>();
  const address = await serve(({ socket }, response) => {
    ports.add(socket.remotePort);
    response.end("[]");
  });
  const one = client();
  const url = new URL(address);
  expect(one.idle(url)).toBe(0);
  const first = one.send(get(address), { signal: NEVER });
  expect(one.opening(url)).toBe(1);
  await first;
  expect({ idle: one.idle(url), opening: one.opening(url) }).toEqual({ idle: 1, opening: 0 });
  await one.send(get(address), { signal: NEVER });
  expect(ports.size).toBe(1);
});

test("a request that is given up ends at once, and its connection with it", async () => {
  const closed = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  const address = await serve((request) => {
    request.on("close", () => closed.resolve());
    arrived.resolve();
  });
  const giveUp = new AbortController();
  const sent = client().send(get(address), { signal: giveUp.signal });
  await arrived.promise;
  giveUp.abort(new Error("no more"));
  await expect(sent).rejects.toThrow("no more");
  await closed.promise;
});
