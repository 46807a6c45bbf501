import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

import { readyMade } from "../client/ready-made.ts";
import { STORE } from "./ready-made.page.ts";

/** The folder of its modules. */
const PGLITE = dirname(fileURLToPath(import.meta.resolve("@electric-sql/pglite")));
const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** PGlite loads these from beside the bundle. */
const BESIDE = ["pglite.wasm", "pglite.data", "initdb.wasm"];

/** What PGlite asks for where it finds itself in Node. */
const OF_NODE = ["fs", "fs/promises", "path", "url", "util", "zlib", "stream", "stream/promises", "node:*"];

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".wasm": "application/wasm",
};

export interface Served extends AsyncDisposable {
  /** `http://127.0.0.1:…`, without a slash at its end: the origin. */
  readonly url: string;
}

export interface ServeOptions {
  /** Name of a bundle → the module it is made of, from the root of the project: `{ page: "tests/browser/page.ts" }`. */
  readonly bundles: Readonly<Record<string, string>>;
  /** Files as they are. Without an `index.html` there, `/` is an empty page that loads the bundle `page`. */
  readonly folder?: string;
  /** The modules of another release of PGlite than the one that is installed here. */
  readonly pglite?: string;
}

/** A loopback server of a page, its bundles (`/page.js`) and PGlite's files. */
export async function serveFolder({ bundles, folder, pglite = PGLITE }: ServeOptions): Promise<Served> {
  const made = new Map(await bundle(bundles, pglite)).set(STORE, await readyMade());
  const page = `<!doctype html><meta charset="utf-8"><title>ampsync</title><script type="module" src="page.js"></script>`;
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://localhost").pathname).slice(1);
    const name = path === "" ? "index.html" : path;
    const body =
      made.get(name) ?? fileOf(name, folder, pglite) ?? (name === "index.html" ? Buffer.from(page) : null);
    if (body === null) response.writeHead(404).end();
    else
      response
        .writeHead(200, { "content-type": TYPES[extname(name)] ?? "application/octet-stream" })
        .end(body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

async function bundle(
  bundles: Readonly<Record<string, string>>,
  pglite: string,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: { ...bundles },
    outdir: "made",
    bundle: true,
    // In chunks, so that what PGlite loads in Node alone, which imports modules of Node, is not loaded.
    splitting: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
    external: OF_NODE,
    alias: { "@electric-sql/pglite": join(pglite, "index.js") },
    logLevel: "error",
  });
  return new Map(
    outputFiles.map(({ path, contents }) => [path.slice(join(ROOT, "made").length + 1), contents]),
  );
}

function fileOf(name: string, folder: string | undefined, pglite: string): Buffer | null {
  if (name.split("/").includes("..")) return null;
  const path = BESIDE.includes(name) ? join(pglite, name) : folder === undefined ? null : join(folder, name);
  return path !== null && existsSync(path) ? readFileSync(path) : null;
}
