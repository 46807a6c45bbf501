import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import { type BuildOptions, build } from "esbuild";

const CLIENT = fileURLToPath(new URL("../../../src/client", import.meta.url));
/** The last two are imported at need, and that is in Node alone. */
const EXTERNAL = ["@electric-sql/pglite", "xxhash-wasm", "./store-directory.ts", "./store-lock.ts"];

export interface BundleSize {
  /** Of what a page loads whose store is open in a worker. */
  readonly page: number;
  /** Of page and worker in one file. */
  readonly all: number;
}

/** Bytes of the browser build, minified and gzipped, without PGlite and xxhash-wasm. Throws where it imports anything of Node. */
export async function bundleSize(): Promise<BundleSize> {
  const both = `export * from "./client.ts"; export * from "./worker.ts";`;
  const all = await gzipped({ stdin: { contents: both, resolveDir: CLIENT }, external: EXTERNAL });
  // What is imported at need is not loaded with the page.
  const page = await gzipped({ entryPoints: [`${CLIENT}/client.ts`], external: [...EXTERNAL, "./open.ts"] });
  return { page, all };
}

async function gzipped(options: BuildOptions): Promise<number> {
  const { outputFiles } = await build({
    ...options,
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
    logLevel: "silent",
  });
  return gzipSync(outputFiles?.[0]?.contents ?? "").length;
}
