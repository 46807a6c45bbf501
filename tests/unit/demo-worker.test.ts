import { spawn } from "node:child_process";
import { once } from "node:events";

import { expect, test } from "vitest";

import { watchWorker } from "../../src/cli/demo-worker.ts";

test("a demo says that its worker has ended by itself, and nothing when it ends it", async () => {
  const said: string[] = [];
  const print = (text: string) => void said.push(text);
  const failing = spawn(process.execPath, ["-e", "process.exit(3)"]);
  const stop = watchWorker(failing, print);
  await once(failing, "exit");
  await stop();
  expect(said.join("\n")).toContain("exit code 3");

  said.length = 0;
  const living = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
  await watchWorker(living, print)();
  expect(living.signalCode).toBe("SIGTERM");
  expect(said).toEqual([]);
});
