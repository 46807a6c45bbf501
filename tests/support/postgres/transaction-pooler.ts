import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** What a message begins with that PostgreSQL answers with ReadyForQuery: Query, Sync. */
const ASKS = new Set(["Q", "S"]);
const SSL_REQUEST = 80_877_103;

/**
 * A small pooler: all its clients share one server connection, each for one transaction at a time, as behind
 * PgBouncer with `pool_mode = transaction`. Knows no COPY and no TLS. While `isPooling` is unset it hands out
 * a server connection a client, as with `pool_mode = session`.
 */
export class TransactionPooler implements AsyncDisposable {
  isPooling: boolean;
  readonly #server: Server;
  readonly #address: { readonly host: string; readonly port: number };
  readonly #sockets = new Set<Socket>();
  #shared: Promise<Backend> | null = null;

  private constructor(server: Server, address: { host: string; port: number }, isPooling: boolean) {
    this.#server = server;
    this.#address = address;
    this.isPooling = isPooling;
    server.on("connection", (client) => {
      this.#track(client);
      this.#serve(client).catch(() => client.destroy());
    });
  }

  static async start(databaseUrl: string, { isPooling = true } = {}): Promise<TransactionPooler> {
    const { hostname, port } = new URL(databaseUrl);
    const server = createServer({ noDelay: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = { host: decodeURIComponent(hostname), port: Number(port || 5432) };
    return new TransactionPooler(server, address, isPooling);
  }

  /** The same URL through this pooler. */
  url(original: string): string {
    const { protocol, username, password, pathname } = new URL(original);
    // It listens on TCP.
    return `${protocol}//${username}:${password}@127.0.0.1:${(this.#server.address() as AddressInfo).port}${pathname}`;
  }

  /** Ends all connections, as an outage does. */
  cutAll(): void {
    this.#shared = null;
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.cutAll();
    await once(this.#server, "close");
  }

  async #serve(client: Socket): Promise<void> {
    if (!this.isPooling) {
      const server = this.#connect();
      client.pipe(server).pipe(client);
      return;
    }
    const messages = readMessages(client);
    const { value: startup } = await messages.next();
    if (startup === undefined) return;
    if (this.#shared === null) {
      this.#shared = Backend.begin(this.#connect(), startup, client);
      await this.#shared;
    } else {
      client.write((await this.#shared).greeting);
    }
    const backend = await this.#shared;
    let asked: Buffer[] = [];
    let release: (() => void) | null = null;
    for await (const message of messages) {
      const type = String.fromCharCode(message[0]!);
      if (type === "X") break;
      asked.push(message);
      if (!ASKS.has(type)) continue;
      release ??= await backend.take();
      const isIdle = await backend.exchange(asked, client);
      asked = [];
      if (isIdle) {
        release();
        release = null;
      }
    }
    release?.();
    client.end();
  }

  #connect(): Socket {
    const { host, port } = this.#address;
    const socket = connect(host.startsWith("/") ? { path: `${host}/.s.PGSQL.${port}` } : { host, port });
    this.#track(socket);
    return socket;
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => {}); // A reset is an end like any other.
    socket.once("close", () => this.#sockets.delete(socket));
  }
}

/** A server connection. */
class Backend {
  /** What the server says after authentication, up to its first ReadyForQuery. */
  greeting: Buffer = Buffer.alloc(0);
  readonly #socket: Socket;
  readonly #answers: AsyncGenerator<Buffer>;
  #queue: Promise<void> = Promise.resolve();

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#answers = readMessages(socket, false);
  }

  /** Starts the session with a client's own startup message; the server must not ask for a password. */
  static async begin(socket: Socket, startup: Buffer, client: Socket): Promise<Backend> {
    const backend = new Backend(socket);
    const said: Buffer[] = [];
    await backend.exchange([startup], { write: (bytes) => said.push(bytes) });
    backend.greeting = Buffer.concat(said);
    client.write(backend.greeting);
    return backend;
  }

  /** Resolves to what gives it back. */
  async take(): Promise<() => void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const before = this.#queue;
    this.#queue = promise;
    await before;
    return resolve;
  }

  /** Sends messages and hands on the answers; whether no transaction is open after that. */
  async exchange(messages: readonly Buffer[], client: { write(bytes: Buffer): unknown }): Promise<boolean> {
    this.#socket.write(Buffer.concat(messages));
    for (;;) {
      const { value: answer } = await this.#answers.next();
      if (answer === undefined) throw new Error("the server ended the connection");
      client.write(answer);
      if (answer[0] === "Z".charCodeAt(0)) return answer[5] === "I".charCodeAt(0);
    }
  }
}

/** Whole messages of the protocol; a client's first one has no type. Requests for TLS are refused. */
async function* readMessages(socket: Socket, beginsWithStartup = true): AsyncGenerator<Buffer> {
  let held = Buffer.alloc(0);
  let isStartup = beginsWithStartup;
  for await (const bytes of socket as AsyncIterable<Buffer>) {
    held = Buffer.concat([held, bytes]);
    for (;;) {
      const lengthAt = isStartup ? 0 : 1;
      if (held.length < lengthAt + 4) break;
      const end = lengthAt + held.readUInt32BE(lengthAt);
      if (held.length < end) break;
      const message = held.subarray(0, end);
      held = held.subarray(end);
      if (isStartup && message.readUInt32BE(4) === SSL_REQUEST) {
        socket.write("N");
        continue;
      }
      isStartup = false;
      yield message;
    }
  }
}
