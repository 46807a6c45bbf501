import { once } from "node:events";
import {
  type AddressInfo,
  connect,
  createServer,
  type NetConnectOpts,
  type Server,
  type Socket,
} from "node:net";

/** `up` is what the client sends. */
export type Direction = "up" | "down";

/** Sees each piece of a connection before it goes on; awaited, so it can hold it back. */
export type Watcher = (connection: ProxiedConnection, direction: Direction, bytes: Buffer) => unknown;

/**
 * A TCP proxy on the loopback, for faults of the network: connections that are cut,
 * that fall silent in one direction or in both, or that were never more than accepted.
 * Members may be set at any time; they hold for all connections, old and new.
 */
export class TcpProxy implements AsyncDisposable {
  /** Nothing is forwarded in these directions; what comes meanwhile stays where it is. */
  readonly stalled = new Set<Direction>();
  /** New connections are accepted and lead nowhere, even if this is unset later. */
  blackHole = false;
  /** New connections are reset at once. */
  refuses = false;
  /** What new connections are told instead of being forwarded, and then ended. */
  answer: Buffer | null = null;
  watch: Watcher | null = null;
  /** Where new connections lead. */
  target: NetConnectOpts;
  readonly #server: Server;
  readonly #connections = new Set<ProxiedConnection>();

  private constructor(server: Server, target: NetConnectOpts) {
    this.#server = server;
    this.target = target;
    server.on("connection", (client) => this.#accept(client));
  }

  static async start(target: NetConnectOpts): Promise<TcpProxy> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new TcpProxy(server, target);
  }

  /** In front of the server at an address such as http://127.0.0.1:1602. */
  static toHttp(address: string): Promise<TcpProxy> {
    const { hostname, port } = new URL(address);
    return TcpProxy.start({ host: hostname, port: Number(port) });
  }

  /** In front of a PostgreSQL server. */
  static toPostgres(databaseUrl: string): Promise<TcpProxy> {
    return TcpProxy.start(postgresAt(databaseUrl));
  }

  get port(): number {
    // It listens on TCP.
    return (this.#server.address() as AddressInfo).port;
  }

  /** The same URL through this proxy. */
  url(original: string): string {
    const { protocol, username, password, pathname } = new URL(original);
    const user = username === "" ? "" : `${username}:${password}@`;
    return `${protocol}//${user}127.0.0.1:${this.port}${pathname}`;
  }

  /** Oldest first. */
  get connections(): readonly ProxiedConnection[] {
    return [...this.#connections];
  }

  /** Nothing goes on in any direction, on no connection old or new. */
  stallAll(): void {
    this.stalled.add("up").add("down");
  }

  /** Forwarding goes on. */
  resume(): void {
    this.stalled.clear();
    for (const connection of this.#connections) connection.proceed();
  }

  /** Ends all connections: with a reset, or with a FIN to both sides. */
  cutAll(how: "reset" | "end" = "reset"): void {
    for (const connection of this.connections) connection.cut(how);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.cutAll();
    await once(this.#server, "close");
  }

  #accept(client: Socket): void {
    if (this.refuses) {
      client.resetAndDestroy();
      return;
    }
    if (this.answer !== null) {
      client.on("error", () => {}); // It may have gone.
      client.once("end", () => client.destroy());
      client.resume().end(this.answer);
      return;
    }
    const connection = new ProxiedConnection(this, client, this.blackHole ? null : connect(this.target));
    this.#connections.add(connection);
    client.once("close", () => {
      connection.cut("reset");
      this.#connections.delete(connection);
    });
  }
}

/** One connection through the proxy. */
export class ProxiedConnection {
  /** As `TcpProxy.stalled`, of this connection alone. */
  readonly stalled = new Set<Direction>();
  readonly #proxy: TcpProxy;
  readonly #client: Socket;
  readonly #server: Socket | null;
  #proceed = Promise.withResolvers<void>();

  constructor(proxy: TcpProxy, client: Socket, server: Socket | null) {
    this.#proxy = proxy;
    this.#client = client;
    this.#server = server;
    client.on("error", () => {}); // A reset by the other side is an end like any other.
    if (server === null) {
      client.resume(); // Read, so that its end is noticed.
      client.once("end", () => this.cut("end"));
    } else {
      server.on("error", () => this.cut("reset"));
      server.once("close", () => this.cut("end"));
      this.#pump("up", client, server).catch(() => this.cut("reset"));
      this.#pump("down", server, client).catch(() => this.cut("reset"));
    }
  }

  /** Looks again whether it may forward. */
  proceed(): void {
    this.#proceed.resolve();
    this.#proceed = Promise.withResolvers();
  }

  cut(how: "reset" | "end"): void {
    for (const socket of [this.#client, this.#server]) {
      if (socket === null || socket.destroyed) continue;
      if (how === "end") socket.destroySoon();
      else if (socket.remoteFamily === undefined)
        socket.destroy(); // No reset on a local socket.
      else socket.resetAndDestroy();
    }
    this.proceed();
  }

  async #pump(direction: Direction, from: Socket, to: Socket): Promise<void> {
    // Its sockets are read as Buffers.
    for await (const bytes of from as AsyncIterable<Buffer>) {
      await this.#proxy.watch?.(this, direction, bytes);
      while (this.#isStalled(direction) && !to.destroyed) await this.#proceed.promise;
      if (to.destroyed) return;
      if (!to.write(bytes)) await drained(to);
    }
    to.end();
  }

  #isStalled(direction: Direction): boolean {
    return this.stalled.has(direction) || this.#proxy.stalled.has(direction);
  }
}

/** Resolves when the socket takes more, or never will. */
function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      socket.off("drain", done).off("close", done);
      resolve();
    };
    socket.on("drain", done).on("close", done);
  });
}

/** Where a PostgreSQL server listens, which may be a socket only. */
export function postgresAt(databaseUrl: string): NetConnectOpts {
  const url = new URL(databaseUrl);
  const host = decodeURIComponent(url.hostname);
  const port = Number(url.port || 5432);
  return host.startsWith("/") ? { path: `${host}/.s.PGSQL.${port}` } : { host, port };
}
