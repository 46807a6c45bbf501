import { once } from "node:events";
import type { AddressInfo } from "node:net";

import { type WebSocket, WebSocketServer } from "ws";

import { Replication } from "../../src/capture/replication.ts";
import { lsnOf } from "../../src/model/lsn.ts";
import { SUBPROTOCOL } from "../../src/wire/codec.ts";
import { answer } from "./answer.ts";

// What a gateway is compared with: sockets that get messages of which nobody thought.

const MOST_BUFFERED = 1024 * 1024;
const MOST_UNACKNOWLEDGED = 64;

export type FloorOrder =
  | { readonly order: "listen" }
  /** Sends these to all, as a gateway does: to nobody who has not answered 64 of them. */
  | { readonly order: "send"; readonly texts: readonly string[] }
  /** Sends a word for each commit that a slot gives. */
  | { readonly order: "follow"; readonly url: string; readonly slot: string; readonly lsn: string };

interface Peer {
  readonly socket: WebSocket;
  sent: number;
  answered: number;
}

const peers = new Set<Peer>();
let moved = () => {};

async function listen(): Promise<object> {
  const server = new WebSocketServer({
    host: "127.0.0.1",
    port: 0,
    perMessageDeflate: false,
    handleProtocols: () => SUBPROTOCOL,
  });
  server.on("connection", (socket) => {
    const peer = { socket, sent: 0, answered: 0 };
    peers.add(peer);
    socket.on("message", () => {
      peer.answered++;
      moved();
    });
    socket.on("close", () => peers.delete(peer));
    socket.on("error", () => {});
  });
  await once(server, "listening");
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

async function send(texts: readonly string[]): Promise<object> {
  for (const peer of peers) {
    peer.sent = 0;
    peer.answered = 0;
  }
  for (;;) {
    let isDone = true;
    for (const peer of peers) {
      const { socket } = peer;
      while (
        peer.sent < texts.length &&
        peer.sent - peer.answered < MOST_UNACKNOWLEDGED &&
        socket.bufferedAmount < MOST_BUFFERED
      ) {
        socket.send(texts[peer.sent++]!);
      }
      if (peer.answered < texts.length) isDone = false;
    }
    if (isDone) return {};
    await new Promise<void>((resolve) => {
      moved = resolve;
    });
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function follow(url: string, slot: string, lsn: string): Promise<object> {
  const { signal } = new AbortController();
  const replication = await Replication.open({
    ...{ url, slot, publication: "ampsync", workerId: "floor", startLsn: lsnOf(lsn), signal },
  });
  void (async () => {
    for await (const frame of replication.frames(signal)) {
      if (frame.kind !== "data" || frame.bytes[0] !== "C".charCodeAt(0)) continue;
      for (const { socket } of peers) socket.send("commit");
    }
  })().catch(() => {});
  return {};
}

answer<FloorOrder>(async (order) => {
  switch (order.order) {
    case "listen":
      return await listen();
    case "send":
      return await send(order.texts);
    case "follow":
      return await follow(order.url, order.slot, order.lsn);
  }
});
