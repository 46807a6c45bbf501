import { setTimeout as pause } from "node:timers/promises";

const POLL_MS = 10;
/**
 * Shorter than the 30 s after which silent servers, silent writers and dead workers
 * are given up: with a longer one a stall that ends without help would not be seen.
 */
export const STALL_DEADLINE_MS = 28_000;

/** Wait until the condition holds; fails with its name after the deadline. */
export async function waitFor(
  what: string,
  condition: () => boolean | Promise<boolean>,
  deadlineMs = STALL_DEADLINE_MS,
): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!(await condition())) {
    if (performance.now() > deadline) {
      throw new Error(`waited ${deadlineMs} ms for ${what}`);
    }
    await pause(POLL_MS);
  }
}
