// npm run size: how large the browser build of the client is.
import { bundleSize } from "../tests/support/browser/bundle-size.ts";

const { page, all } = await bundleSize();
const kB = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`;
console.log(
  `${kB(all)} gzipped without PGlite and xxhash-wasm; ${kB(page)} of it in a page that has a worker`,
);
