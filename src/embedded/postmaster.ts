import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { platform } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** What the lock file in the data folder says about a running server. */
export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  readonly status: "starting" | "stopping" | "ready" | "standby";
}

/** The server that runs on this data folder, or null: a stale lock file does not count. */
export async function findPostmaster(dataDir: string): Promise<Postmaster | null> {
  const lines = (await readFile(join(dataDir, "postmaster.pid"), "utf8").catch(() => "")).split("\n");
  const pid = Number(lines[0]);
  if (!(pid > 0) || !(await isRunning(pid, ["postgres", dataDir]))) {
    return null;
  }
  const status = (lines[7] ?? "").trim();
  const known = status === "ready" || status === "stopping" || status === "standby";
  return { pid, port: Number(lines[3]), status: known ? status : "starting" };
}

/** Whether the process exists and its command line has all these words: process ids are reused. */
export async function isRunning(pid: number, words: readonly string[]): Promise<boolean> {
  const command =
    platform() === "linux"
      ? await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")
      : await promisify(execFile)("ps", ["-ww", "-o", "args=", "-p", String(pid)]).then(
          ({ stdout }) => stdout,
          () => "", // No such process.
        );
  return words.every((word) => command.includes(word));
}
