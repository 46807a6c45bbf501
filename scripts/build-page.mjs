// Bundles the page of `ampsync demo --web` into dist/demo-page. PGlite stays as it was published: the demo serves its files
// under /pglite/, which workers can load as well.
import { copyFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const source = join(root, "src", "demo-page");
const target = join(root, "dist", "demo-page");

const pglite = {
  name: "pglite",
  setup({ onResolve }) {
    onResolve({ filter: /^@electric-sql\/pglite$/ }, () => ({ path: "/pglite/index.js", external: true }));
  },
};

rmSync(target, { recursive: true, force: true });
await build({
  entryPoints: { page: join(source, "main.ts"), worker: join(source, "worker.ts") },
  outdir: target,
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "browser",
  target: "es2022",
  minify: true,
  legalComments: "none",
  external: ["node:*"],
  plugins: [pglite],
  logLevel: "warning",
});
for (const file of ["index.html", "page.css"]) copyFileSync(join(source, file), join(target, file));
