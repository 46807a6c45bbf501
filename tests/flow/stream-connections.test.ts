// Takes 11 s.
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { type DevServer, startDevServer } from "../../src/devserver/server.ts";
import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { createFlightClient, type FlightClient } from "../../src/flight/client.ts";
import type { FlightStream } from "../../src/flight/flight-stream.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { waitFor } from "../support/wait-for.ts";

const SQL = 'SELECT * FROM "_/anvil@0.0.0".blocks';
const TIMES = { connectMs: 2_000, answerMs: 4_000 };

let stack: AsyncDisposableStack;
let source: GeneratedSource;
let server: DevServer;
let proxy: TcpProxy;
let client: FlightClient;
let abort: AbortController;

beforeEach(() => {
  stack = new AsyncDisposableStack();
  abort = new AbortController();
});
afterEach(() => stack.disposeAsync());

/** A server that takes this many requests per connection, and a client of it. */
async function start(maxRequestsPerConnection?: number): Promise<void> {
  source = new GeneratedSource({ blocks: 3 });
  const most = maxRequestsPerConnection === undefined ? {} : { maxRequestsPerConnection };
  server = await startDevServer({ source, ...most });
  stack.defer(() => server.stop());
  proxy = stack.use(await TcpProxy.toHttp(server.flightAddress));
  client = createFlightClient({
    address: new URL(proxy.url(server.flightAddress)),
    token: () => null,
    times: TIMES,
  });
  stack.defer(() => client.close());
  stack.defer(() => abort.abort());
}

async function open(): Promise<FlightStream> {
  return stack.use(await client.open(SQL, { stream: true, signal: abort.signal }));
}

/** Opens streams at once, and reads each until its first rows. */
async function openAndRead(count: number): Promise<readonly FlightStream[]> {
  const streams = await Promise.all(Array.from({ length: count }, open));
  await Promise.all(
    streams.map(async (stream) => {
      const messages = stream.read({ signal: abort.signal });
      while ((await messages.next()).value.kind !== "batch");
      stack.defer(async () => void (await messages.return(undefined)));
    }),
  );
  return streams;
}

describe("streams of one process", () => {
  test("share connections, 50 on each, and the next one has its own", async () => {
    await start();
    await openAndRead(50);
    expect(proxy.connections).toHaveLength(1);
    await open();
    expect(proxy.connections).toHaveLength(2);
  });

  test("leave one for short calls", async () => {
    await start();
    await open();
    await client.highestBlock('"_/anvil@0.0.0".blocks', abort.signal);
    await client.plan(SQL, { stream: false, signal: abort.signal });
    expect(proxy.connections).toHaveLength(2);
  });

  test("close a connection when the last of its streams ends, read or not", async () => {
    await start();
    const streams = await openAndRead(2);
    const unread = await open();
    for (const stream of streams) stream[Symbol.dispose]();
    await waitFor("the server to see two streams end", () => server.openStreams === 1);
    expect(proxy.connections).toHaveLength(1);
    unread[Symbol.dispose]();
    await waitFor("the connection to close", () => proxy.connections.length === 0);
  });

  test("take the place of one that ended", async () => {
    await start();
    const [first] = await openAndRead(50);
    first![Symbol.dispose]();
    await openAndRead(1);
    expect(proxy.connections).toHaveLength(1);
  });
});

describe("a server that takes few requests per connection, and is silent beyond that", () => {
  test("30: serves 100 streams over four connections, and what it takes is remembered", async () => {
    await start(30);
    await openAndRead(100);
    expect(server.openStreams).toBe(100);
    expect(proxy.connections).toHaveLength(4);
    const tookMs: number[] = [];
    for (const more of [21, 30, 30]) {
      // 20 more fit on the fourth connection.
      const before = performance.now();
      await openAndRead(more);
      tookMs.push(performance.now() - before);
    }
    expect(Math.min(...tookMs)).toBeLessThan(TIMES.connectMs); // On a busy machine one of them may take longer.
    expect(proxy.connections).toHaveLength(7);
  });

  test("has the place of a stream that ended taken again, on a connection that was full", async () => {
    await start(2);
    const [first] = await openAndRead(2);
    await openAndRead(1);
    first![Symbol.dispose]();
    await waitFor("the server to see it end", () => server.openStreams === 2);
    await openAndRead(2);
    expect(proxy.connections).toHaveLength(2);
  });

  test("keeps no other stream waiting whose caller gives up meanwhile", async () => {
    await start(1);
    await open();
    const waiting = new AbortController();
    const opening = [1, 2].map(() => client.open(SQL, { stream: true, signal: waiting.signal }));
    waiting.abort(new Error("told to stop"));
    for (const each of opening) await expect(each).rejects.toThrow("told to stop");
  });
});

test("a server that takes no request on a connection that stands: all that wait for it end soon, and say why", async () => {
  await start(0);
  const ended = await Promise.allSettled(Array.from({ length: 20 }, open));
  for (const end of ended) {
    expect(end).toMatchObject({
      reason: { code: "SY104", detail: expect.stringContaining("takes no more requests on a connection") },
    });
  }
  await waitFor("the connection to close", () => proxy.connections.length === 0);
});

test("streams behind one whose query is refused begin all the same", async () => {
  await start();
  const opened = await Promise.allSettled([
    client.open("SELECT nonsense", { stream: true, signal: abort.signal }),
    open(),
  ]);
  expect(opened.map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
});
