import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { Connection, type Hooks } from "../../../src/client/connection.ts";
import { EPOCH } from "../../support/client/tables.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const WELCOME = {
  t: "welcome",
  session: EPOCH,
  epoch: EPOCH,
  head: "0",
  now: "2026-11-28T12:00:00.123Z",
  schema: "1.0.0",
  last_seq: "0",
  shapes: [],
  tables: [],
};

/** Sockets of a gateway that welcomes, unless told otherwise, and may give the client id to somebody else. */
class Socket {
  static opened: Socket[] = [];
  static answerOf: (url: string) => object = () => WELCOME;
  readonly url: string;
  onopen = () => {};
  onmessage = (_: { data: string }) => {};
  onclose = (_: { code: number }) => {};
  constructor(url: string) {
    this.url = url;
    Socket.opened.push(this);
  }
  send(): void {
    this.onmessage({ data: JSON.stringify(Socket.answerOf(this.url)) });
  }
  close(): void {}
}

function connect(hooks: Partial<Hooks>): { connection: Connection; errors: string[] } {
  Socket.opened = [];
  Socket.answerOf = () => WELCOME;
  const errors: string[] = [];
  const connection = new Connection(
    "http://sync.example",
    {
      token: async () => "a token",
      hello: async () => ({ t: "busy" }),
      take: () => {},
      changed: () => {},
      newClientId: async () => {},
      failed: (error) => errors.push((error as Error).message),
      triedAt: () => {},
      ...hooks,
    },
    { now: () => Date.now(), random: () => 0.5, WebSocket: Socket as unknown as typeof WebSocket },
  );
  connection.tell({ kind: "timer" });
  return { connection, errors };
}

test("a token that is never given holds nothing up when the client is closed", async () => {
  const { connection, errors } = connect({ token: () => new Promise(() => {}) });
  expect(vi.getTimerCount()).toBe(1);
  connection.tell({ kind: "stop" });
  await vi.advanceTimersByTimeAsync(0);

  expect(vi.getTimerCount()).toBe(0);
  expect(connection.link).toBe("closed");
  expect(errors).toEqual([]);
});

test("a copied store whose new client id cannot be stored tries again until it can", async () => {
  let tries = 0;
  const newClientId = async () => {
    if (++tries < 3) throw new Error("no space left");
  };
  const { connection, errors } = connect({ newClientId });
  for (let times = 0; times < 3; times++) {
    await vi.advanceTimersByTimeAsync(0);
    Socket.opened.at(-1)!.onopen();
    await vi.advanceTimersByTimeAsync(0);
    expect(connection.link).toBe("open");
    Socket.opened.at(-1)!.onclose({ code: 4409 });
    connection.tell({ kind: "call" });
  }
  expect(connection.link).toBe("cloned");
  await vi.advanceTimersByTimeAsync(10_000);

  expect(tries).toBe(3);
  expect(errors).toEqual(["no space left", "no space left"]);
  expect(connection.link).toBe("opening");
});

test("gateways that send a client to each other are asked ever more seldom", async () => {
  const { connection } = connect({});
  const one = "http://sync.example";
  const other = "http://other.example";
  Socket.answerOf = (url) => ({
    ...{ t: "error", code: "SY104", message: "this gateway is for other tenants", hint: null, retry_ms: 0 },
    gateways: [url.includes("other") ? one : other],
  });
  const pauses: number[] = [];
  for (let times = 0; times < 12; times++) {
    const before = Date.now();
    while (Socket.opened.length <= times) await vi.advanceTimersByTimeAsync(100);
    pauses.push(Date.now() - before);
    const socket = Socket.opened[times]!;
    expect(socket.url).toBe(`ws://${times % 2 === 0 ? "sync" : "other"}.example/v1/sync`);
    socket.onopen();
    await vi.advanceTimersByTimeAsync(0);
    socket.onclose({ code: 1013 });
  }
  expect(pauses.slice(1, 6)).toEqual(pauses.slice(1, 6).toSorted((a, b) => a - b));
  expect(pauses.at(-1)).toBeGreaterThanOrEqual(15_000);
  connection.tell({ kind: "stop" });
});
