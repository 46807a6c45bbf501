import { once } from "node:events";
import { createServer } from "node:net";

/** Below those that the system gives to outgoing connections, which could take one at any moment. */
const FIRST = 10_000;
const COUNT = 20_000;

/** A port of this machine that nobody listens on. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    const server = createServer();
    server.listen(port, "127.0.0.1");
    const isFree = await Promise.race([
      once(server, "listening").then(() => true),
      new Promise<boolean>((resolve) => server.once("error", () => resolve(false))),
    ]).catch(() => false);
    server.close();
    if (isFree) return port;
  }
}
