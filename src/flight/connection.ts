import type { Socket } from "node:net";

import { type ChannelCredentials, Client, type ClientOptions, credentials } from "@grpc/grpc-js";

const MIB = 1024 * 1024;

/**
 * Options of every connection. The window doubles receive speed. An idle stream
 * sends nothing at all, so a dead peer is noticed by pings only: after 30 s.
 */
const OPTIONS: ClientOptions = {
  "grpc-node.flow_control_window": 8 * MIB,
  "grpc.keepalive_time_ms": 20_000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.keepalive_permit_without_calls": 1,
  // Retrying is the stream's own business, with its own back-off.
  "grpc.enable_retries": 0,
  "grpc.max_reconnect_backoff_ms": 5_000,
  "grpc.service_config_disable_resolution": 1,
  // As the Admin API's client does: neither obeys the variables of proxies.
  "grpc.enable_http_proxy": 0,
  // One connection per client, closed with it.
  "grpc.use_local_subchannel_pool": 1,
};

/** What is left of a connection after it was closed, such as the end of its calls, is told to its peer within this time. */
const LINGER_MS = 1_000;

/** A gRPC client, and an end of it that leaves nothing open. */
export interface Connection {
  readonly client: Client;
  /** Its calls must be over. */
  close(): void;
}

/** Makes connections to `http://host:port`, or with TLS and the system's roots to `https://host:port`. */
export function connector(address: URL, maxMessageBytes: number): () => Connection {
  const secure = address.protocol === "https:";
  const host = `${address.hostname}:${address.port || (secure ? 443 : 80)}`;
  return () => {
    const sockets = new Sockets();
    const channel = sockets.watch(secure ? credentials.createSsl() : credentials.createInsecure());
    const client = new Client(host, channel, {
      ...OPTIONS,
      "grpc.max_receive_message_length": maxMessageBytes,
      "grpc.max_send_message_length": maxMessageBytes,
    });
    return {
      client,
      close() {
        client.close();
        sockets.destroy();
      },
    };
  };
}

/** The sockets of one client: the library keeps those for ever whose peer accepted them and says nothing. */
class Sockets {
  readonly #open = new Set<Socket>();
  #isOver = false;

  /** Takes note of what credentials are asked to make secure: each socket, once TCP has connected it. */
  watch(channel: ChannelCredentials): ChannelCredentials {
    const create = channel._createSecureConnector.bind(channel);
    channel._createSecureConnector = (...given) => {
      const secure = create(...given);
      const connect = secure.connect.bind(secure);
      secure.connect = (socket) => {
        this.#take(socket);
        return connect(socket);
      };
      return secure;
    };
    return channel;
  }

  destroy(): void {
    this.#isOver = true;
    setTimeout(() => {
      for (const socket of this.#open) socket.destroy();
    }, LINGER_MS).unref();
  }

  #take(socket: Socket): void {
    if (this.#isOver) {
      socket.destroy();
      return;
    }
    this.#open.add(socket);
    socket.once("close", () => this.#open.delete(socket));
  }
}
