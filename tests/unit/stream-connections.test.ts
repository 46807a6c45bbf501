import type { Client } from "@grpc/grpc-js";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { ConnectionFull, StreamConnections } from "../../src/flight/stream-connections.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Connections to a server, of which the first one takes a single stream; each other answers after `answerMs`. */
function connections(answerMs: number) {
  const clients: Client[] = [];
  const streams = new StreamConnections(() => {
    const client = {} as Client;
    clients.push(client);
    return { client, close: () => {} };
  });
  /** Resolves to the number of the connection that the stream is on. */
  async function begin(): Promise<number> {
    const begun = streams.begin(async ({ client, isAlone }) => {
      const number = clients.indexOf(client);
      if (number === 0 && !isAlone) throw new ConnectionFull();
      if (number > 0) await new Promise((resolve) => setTimeout(resolve, answerMs));
      return number;
    }, new AbortController().signal);
    await vi.advanceTimersByTimeAsync(answerMs);
    return (await begun).stream;
  }
  return { begin };
}

test("where another connection takes a stream at once, the first one was full: no other takes more", async () => {
  const { begin } = connections(100);
  expect([await begin(), await begin(), await begin()]).toEqual([0, 1, 2]);
});

test("that is forgotten after ten minutes", async () => {
  const { begin } = connections(100);
  expect([await begin(), await begin()]).toEqual([0, 1]);
  await vi.advanceTimersByTimeAsync(600_000);
  expect(await begin()).toBe(1);
});

test("where another connection answers as late, the server is slow: others share that one", async () => {
  const { begin } = connections(3_000);
  expect([await begin(), await begin(), await begin()]).toEqual([0, 1, 1]);
});
