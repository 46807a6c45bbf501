/**
 * What a store in a directory needs of Node. Taken at run time and not imported, so that browsers can load everything that
 * imports this.
 */
interface Files {
  existsSync(file: string): boolean;
  readFileSync(file: string, encoding: "utf8"): string;
  writeFileSync(file: string, text: string): void;
  readlinkSync(link: string): string;
  linkSync(from: string, to: string): void;
  renameSync(from: string, to: string): void;
  rmSync(file: string, options: { readonly force: true }): void;
}

interface Host {
  readonly pid: number;
  kill(pid: number, signal: 0): true;
  getBuiltinModule?(name: string): unknown;
}

interface Heard {
  once(event: string, listener: (error?: { readonly code?: string }) => void): this;
}

interface Server extends Heard {
  listen(path: string): this;
  close(): this;
  unref(): this;
}

interface Net {
  createServer(heard: (socket: { destroy(): void }) => void): Server;
  connect(path: string): Heard & { destroy(): void };
}

export interface Node {
  readonly fs: Files;
  readonly net: Net;
  readonly host: Host;
}

/** Null in a browser. */
export function nodeIfThere(): Node | null {
  const host = (globalThis as { readonly process?: Host })["process"];
  const fs = host?.getBuiltinModule?.("fs");
  const net = host?.getBuiltinModule?.("net");
  // What Node calls by these names has these functions.
  return host === undefined || fs === undefined ? null : { fs: fs as Files, net: net as Net, host };
}

export function readText(fs: Files, file: string): string | null {
  try {
    return fs.readFileSync(file, "utf8");
  } catch {
    return null;
  }
}
