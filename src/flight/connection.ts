import type { Socket } from "node:net";

import { type ChannelCredentials, Client, type ClientOptions, credentials } from "@grpc/grpc-js";

import { AmpsyncError } from "../errors.ts";
import { ampTlsError } from "../model/tls-error.ts";
import type { TlsFiles } from "../model/tls-files.ts";

const MIB = 1024 * 1024;

/**
 * Options of every connection. The window doubles the receive speed, and each stream may hold as much that nobody has
 * read yet. An idle stream sends nothing at all, so only pings notice a dead peer: after 30 s.
 */
const OPTIONS: ClientOptions = {
  "grpc-node.flow_control_window": 2 * MIB,
  "grpc.keepalive_time_ms": 20_000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.keepalive_permit_without_calls": 1,
  // The stream itself retries, with its own back-off.
  "grpc.enable_retries": 0,
  "grpc.max_reconnect_backoff_ms": 5_000,
  "grpc.service_config_disable_resolution": 1,
  // Like the client of the Admin API: neither obeys the environment variables of proxies.
  "grpc.enable_http_proxy": 0,
  // One connection per client, closed with the client.
  "grpc.use_local_subchannel_pool": 1,
};

/** How long the last messages of a closed connection, such as the end of its calls, may take to reach its peer. */
const LINGER_MS = 1_000;

/** A gRPC client, with a way to close it that leaves nothing open. */
export interface Connection {
  readonly client: Client;
  /** To be called when its calls are over. */
  close(): void;
}

/** Makes connections to one server. */
export interface Connector {
  open(): Connection;
  /** Why TLS failed on the newest connection; null if it did not. */
  tlsFailure(): AmpsyncError | null;
}

/**
 * Makes connections to `http://host:port`, or to `https://host:port` with TLS. The files are read for each connection,
 * and the library makes new ones of its own accord.
 */
export function connector(address: URL, maxMessageBytes: number, tls: () => TlsFiles): Connector {
  const secure = address.protocol === "https:";
  const host = `${address.hostname}:${address.port || (secure ? 443 : 80)}`;
  const failures = new TlsFailures();
  return {
    tlsFailure: () => failures.newest,
    open() {
      const sockets = new Sockets();
      const channel = secure ? failures.watch(credentials.createSsl(), tls) : credentials.createInsecure();
      const client = new Client(host, sockets.watch(channel), {
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
    },
  };
}

type Create = ChannelCredentials["_createSecureConnector"];
type Connect = ReturnType<Create>["connect"];

/**
 * Has `connect` take the place of what the credentials do with a socket that TCP has connected; `usual` is that.
 *
 * The library has no public way to see that moment, nor why TLS failed. The name is its own, but declared in its types:
 * with a version that lacks it, neither the compiler nor tests/unit/grpc-js.test.ts succeeds.
 */
function intercept(
  channel: ChannelCredentials,
  connect: (socket: Socket, usual: Connect, given: Parameters<Create>) => ReturnType<Connect>,
): ChannelCredentials {
  const create = channel._createSecureConnector.bind(channel);
  channel._createSecureConnector = (...given) => {
    const secure = create(...given);
    const usual = secure.connect.bind(secure);
    secure.connect = (socket) => connect(socket, usual, given);
    return secure;
  };
  return channel;
}

/** What the library reports of a failed handshake is a text; what it found is kept here. */
class TlsFailures {
  newest: AmpsyncError | null = null;

  /** Has each connection that is made with the credentials use the files as they are then. */
  watch(channel: ChannelCredentials, tls: () => TlsFiles): ChannelCredentials {
    return intercept(channel, async (socket, _, given) => {
      try {
        const connected = await fresh(tls())
          ._createSecureConnector(...given)
          .connect(socket);
        this.newest = null;
        // With TLS 1.3 a server refuses a client certificate after the client is done with the handshake.
        connected.socket.on("error", (error) => this.#note(error));
        return connected;
      } catch (error) {
        this.#note(error);
        throw error;
      }
    });
  }

  #note(error: unknown): void {
    this.newest = error instanceof AmpsyncError ? error : (ampTlsError(error) ?? this.newest);
  }
}

function fresh({ ca, identity }: TlsFiles): ChannelCredentials {
  const pem = (text: string | undefined) => (text === undefined ? null : Buffer.from(text));
  return credentials.createSsl(pem(ca ?? undefined), pem(identity?.key), pem(identity?.cert));
}

/** The sockets of one client: the library keeps a socket for ever if its peer accepts it and then says nothing. */
class Sockets {
  readonly #open = new Set<Socket>();
  #isOver = false;

  /** Notes each socket that the credentials are asked to secure, which is when TCP has connected it. */
  watch(channel: ChannelCredentials): ChannelCredentials {
    return intercept(channel, (socket, usual) => {
      this.#take(socket);
      return usual(socket);
    });
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
