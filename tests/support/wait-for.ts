import { setTimeout as pause } from "node:timers/promises";

const FIRST_POLL_MS = 10;
/** What takes longer is looked for less often: looking takes time from what is waited for. */
const LAST_POLL_MS = 50;
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
  const start = performance.now();
  while (!(await condition())) {
    const waited = performance.now() - start;
    if (waited > deadlineMs) {
      throw new Error(`waited ${deadlineMs} ms for ${what}`);
    }
    await pause(Math.min(LAST_POLL_MS, Math.max(FIRST_POLL_MS, waited / 10)));
  }
}
