import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { expect, test } from "vitest";

import { waitFor } from "../support/wait-for.ts";

const PRELOADED = fileURLToPath(new URL("../support/worker/end-with-parent.ts", import.meta.url));
const FOR_EVER = "setInterval(() => {}, 1000)";

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test("a program that a test started does not outlive it, even if its process is killed", async () => {
  const options = { stdio: ["ignore", "ignore", "inherit", "ipc"] };
  const starter = `const { spawn } = require("node:child_process");
    const child = spawn(process.execPath, ["--import", ${JSON.stringify(PRELOADED)}, "-e", ${JSON.stringify(FOR_EVER)}], ${JSON.stringify(options)});
    console.log(child.pid);`;
  const parent = spawn(process.execPath, ["-e", starter], { stdio: ["ignore", "pipe", "inherit"] });
  const pid = Number(String(await once(parent.stdout, "data")));
  expect(isRunning(pid)).toBe(true);
  parent.kill("SIGKILL");
  await waitFor("its child to end", () => !isRunning(pid));
});
