import { execFileSync } from "node:child_process";
import { globSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Builds the program that workers run, where a source is newer: no test may pass, or fail, on an older one. */
export default function setup(): void {
  const built = statSync(join(ROOT, "dist", "cli", "main.js"), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const sources = globSync("src/**/*.ts", { cwd: ROOT });
  if (sources.some((source) => statSync(join(ROOT, source)).mtimeMs > built)) {
    execFileSync("npm", ["run", "--silent", "build"], { cwd: ROOT, stdio: "inherit" });
  }
}
