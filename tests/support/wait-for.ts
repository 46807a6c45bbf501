import { setTimeout as pause } from "node:timers/promises";

const POLL_MS = 10;

/** Wait until the condition holds; fails with its name after the deadline. */
export async function waitFor(
  what: string,
  condition: () => boolean | Promise<boolean>,
  deadlineMs = 30_000,
): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!(await condition())) {
    if (performance.now() > deadline) {
      throw new Error(`waited ${deadlineMs} ms for ${what}`);
    }
    await pause(POLL_MS);
  }
}
