import { execFile } from "node:child_process";

import { IGNORED, SETTINGS } from "../../../src/config/settings.ts";
import { KEEP_COMPILED, MAIN } from "./worker-process.ts";

export interface CommandRun {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command as a user does: built, in a process of its own, with just these settings; `answer` is typed into it. */
export function ampsync(
  args: readonly string[],
  settings: Record<string, string> = {},
  answer = "",
  timeout = 120_000,
): Promise<CommandRun> {
  const ours = new Set<string>([...Object.values(SETTINGS).flatMap(({ names }) => names), ...IGNORED]);
  const inherited = Object.entries(process.env).filter(([name]) => !ours.has(name) && !name.startsWith("PG"));
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [MAIN, ...args],
      { env: { ...Object.fromEntries(inherited), ...KEEP_COMPILED, ...settings }, timeout },
      (error, stdout, stderr) => {
        // The code is a text where the program could not be started at all.
        const exitCode = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
        resolve({ exitCode, stdout, stderr });
      },
    );
    child.stdin?.end(answer);
  });
}
