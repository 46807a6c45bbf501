import type { ChildProcess } from "node:child_process";
import { once } from "node:events";

/** Says when a worker ends by itself: what is shown of it would stand still without a word. Returns what ends it. */
export function watchWorker(worker: ChildProcess, print: (text: string) => void): () => Promise<void> {
  let isEnding = false;
  worker.once("exit", (code, signal) => {
    if (isEnding) return;
    print(`\nThe worker has ended (${signal ?? `exit code ${code}`}), and nothing moves without it.`);
    print("Its log is .ampsync/demo/worker.log. Stop the demo with Ctrl-C, and start it again.");
  });
  return async () => {
    isEnding = true;
    if (worker.exitCode !== null || worker.signalCode !== null) return;
    worker.kill("SIGTERM");
    await once(worker, "exit");
  };
}
