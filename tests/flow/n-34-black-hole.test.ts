import { expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { Lab } from "../support/lab.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

/** Keepalive pings go out every 20 s and are waited for 10 s. By the real clock. */
const NOTICED_MS = 33_000;

test("N34 a black-holed Flight connection is noticed within 60 s, though the stream was silent before", async () => {
  let proxy: TcpProxy | null = null;
  await using lab = await Lab.start({
    worker: async (server) => {
      proxy = await TcpProxy.toHttp(server.flightAddress);
      return { flightAddress: proxy.url(server.flightAddress) };
    },
  });
  await using _flight = proxy!;
  const source = new GeneratedSource({ blocks: 20, logsPerBlock: 5 });
  const sync = await lab.sync(source);
  await sync.reaches();
  await sync.until("a stream at the head", ({ state }) => state === "live");

  for (const connection of proxy!.connections) connection.stalled.add("up").add("down");
  const startedAt = performance.now();
  source.mine(5);
  await sync.until("it to be noticed", ({ state }) => state === "retrying", NOTICED_MS);
  expect(performance.now() - startedAt).toBeLessThan(60_000);
  await sync.reaches();
  await sync.expectEqual();
}, 60_000);
