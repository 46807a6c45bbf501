import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

import { type Dice, dice } from "../dice.ts";

interface BadNetworkOptions {
  readonly seed: number;
  /** Each so often all connections are cut. */
  readonly cutMs: number;
}

/**
 * A network between clients and a gateway that cuts all connections again and again, delays, cuts in the middle of a piece,
 * and lets connections overtake each other: of one that its client has left, the gateway hears later, and so after the next.
 */
export class BadNetwork implements AsyncDisposable {
  cuts = 0;
  truncated = 0;
  ghosts = 0;
  #isBad = true;
  readonly #server: Server;
  readonly #throws: Dice;
  readonly #sockets = new Set<Socket>();
  readonly #timer: NodeJS.Timeout;

  private constructor(server: Server, gateway: URL, { seed, cutMs }: BadNetworkOptions) {
    this.#server = server;
    this.#throws = dice(seed);
    server.on("connection", (client) => this.#accept(client, Number(gateway.port)));
    this.#timer = setInterval(() => this.#cutAll(), cutMs);
  }

  static async start(gateway: string, options: BadNetworkOptions): Promise<BadNetwork> {
    const server = createServer({ noDelay: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new BadNetwork(server, new URL(gateway), options);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** From here on it is as good as any. */
  heal(): void {
    this.#isBad = false;
    clearInterval(this.#timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.heal();
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, "close");
  }

  #cutAll(): void {
    this.cuts++;
    for (const socket of this.#sockets) {
      if (this.#throws(0, 1) === 0) socket.resetAndDestroy();
      else socket.destroy();
    }
  }

  #accept(client: Socket, port: number): void {
    const gateway = connect({ host: "127.0.0.1", port, noDelay: true });
    this.#sockets.add(client);
    const isGhost = this.#isBad && this.#throws(0, 3) === 0;
    if (isGhost) this.ghosts++;
    const lateMs = isGhost ? this.#throws(200, 1500) : 0;
    client.on("error", () => {});
    gateway.on("error", () => client.destroy());
    gateway.on("close", () => client.destroy());
    client.on("close", () => {
      this.#sockets.delete(client);
      // What a ghost said before it left still comes.
      setTimeout(() => gateway.destroy(), lateMs * 2).unref();
    });
    this.#pipe(client, gateway, lateMs);
    this.#pipe(gateway, client, 0);
  }

  #pipe(from: Socket, to: Socket, lateMs: number): void {
    let last: Promise<void> = Promise.resolve();
    from.on("data", (bytes: Buffer) => {
      const ms = lateMs + (this.#isBad && this.#throws(0, 9) === 0 ? this.#throws(1, 60) : 0);
      const isLast = this.#isBad && this.#throws(0, 149) === 0;
      const arrives = new Promise<void>((resolve) =>
        ms === 0 ? resolve() : setTimeout(resolve, ms).unref(),
      );
      last = last.then(async () => {
        await arrives;
        if (to.destroyed) return;
        if (!isLast) {
          to.write(bytes);
          return;
        }
        this.truncated++;
        to.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => {
          from.destroy();
          to.destroy();
        });
      });
    });
  }
}
