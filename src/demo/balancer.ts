import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export interface Target {
  readonly host: string;
  readonly port: number;
}

/** Hands TCP connections on to its targets in turn; one that takes none is passed over. On the loopback only. */
export class Balancer implements AsyncDisposable {
  readonly #targets: readonly Target[];
  readonly #server: Server;
  readonly #clients = new Set<Socket>();
  #next = 0;

  private constructor(targets: readonly Target[], server: Server) {
    this.#targets = targets;
    this.#server = server;
    server.on("connection", (client) => this.#accept(client));
  }

  static async start(targets: readonly Target[]): Promise<Balancer> {
    const server = createServer({ noDelay: true });
    const balancer = new Balancer(targets, server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return balancer;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const client of this.#clients) client.destroy();
    await once(this.#server, "close");
  }

  #accept(client: Socket): void {
    this.#clients.add(client);
    client.on("error", () => {}); // Its close follows.
    client.once("close", () => this.#clients.delete(client));
    this.#next += 1;
    this.#try(client, this.#next, this.#targets.length);
  }

  #try(client: Socket, at: number, left: number): void {
    const target = this.#targets[at % this.#targets.length];
    if (target === undefined || left === 0) {
      client.destroy(); // It comes again: clients do.
      return;
    }
    const server = connect({ ...target, noDelay: true });
    const passOver = () => this.#try(client, at + 1, left - 1);
    const leave = () => server.destroy();
    server.once("error", passOver);
    client.once("close", leave);
    server.once("connect", () => {
      server.off("error", passOver).on("error", () => {}); // From here on an end of the one is an end of the other.
      server.once("close", () => client.destroy());
      client.pipe(server).pipe(client);
    });
  }
}
