import type { Node } from "./node-files.ts";

/** What the names of sockets may be long, in bytes, on any system. */
const LONGEST = 100;

export interface Listening {
  readonly path: string;
  readonly close: () => void;
}

/**
 * Listens at a file beside a store, for as long as this process lives: who shares the file system can tell by it that this
 * one lives, also from another container. Null where the file system, or the length of its name, does not allow it.
 */
export async function listenBeside({ net }: Node, own: string): Promise<Listening | null> {
  const path = `${own}.sock`;
  if (new TextEncoder().encode(path).length > LONGEST) return null;
  const server = net.createServer((socket) => socket.destroy());
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => reject(error));
      server.once("listening", () => resolve());
      server.listen(path);
    });
  } catch {
    return null;
  }
  // A process ends by itself, whatever it holds.
  server.unref();
  // Node removes the file with it.
  return { path, close: () => void server.close() };
}

/** False only where nobody can be listening any more. */
export async function isHeard({ net }: Node, path: string): Promise<boolean> {
  const socket = net.connect(path);
  try {
    return await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", (error) => resolve(error?.code !== "ECONNREFUSED" && error?.code !== "ENOENT"));
    });
  } finally {
    socket.destroy();
  }
}
