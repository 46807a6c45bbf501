// Makes a clean checkout runnable: installs what the lock file names when that
// has not been done, then builds (not with --no-build). Written for old Nodes too: it is the one file
// that may run before the project's own runtime is there.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const stamp = join(root, "node_modules", ".ampsync-installed");

function run(command, args) {
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  if (result.status !== 0) {
    process.exit(result.status === null ? 1 : result.status);
  }
}

const lock = readFileSync(join(root, "package-lock.json"), "utf8");
const installed = existsSync(stamp) && readFileSync(stamp, "utf8") === lock;
if (!installed) {
  console.log("Installing packages (first run only) …");
  run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
  writeFileSync(stamp, lock);
}

if (process.argv[2] !== "--no-build") {
  // `npm run` put node_modules/.bin first on the path, so from here on `node` is the project's own.
  run("npm", ["run", "--silent", "build"]);
  if (!statSync(join(root, "dist")).isDirectory()) {
    process.exit(1);
  }
}
