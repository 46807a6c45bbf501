import { setTimeout as pause } from "node:timers/promises";

import { testimony } from "./witnesses.ts";

const FIRST_POLL_MS = 10;
/** What takes longer is looked for less often: looking takes time from what is waited for. */
const LAST_POLL_MS = 50;
/**
 * Shorter than the 30 s after which silent servers, silent writers and dead workers
 * are given up: with a longer one a stall that ends without help would not be seen.
 */
export const STALL_DEADLINE_MS = 28_000;

/** A look that takes longer than this waits for the machine: the rest of its time does not count, up to a limit. */
const LONGEST_LOOK_MS = 50;
const MOST_TIMES_AS_LONG = 3;

/**
 * Wait until the condition holds; fails with its name after the deadline, which is later where the machine has so much
 * else to do that looking takes long. The error says as well how databases and workers of the test stand.
 */
export async function waitFor(
  what: string,
  condition: () => boolean | Promise<boolean>,
  deadlineMs = STALL_DEADLINE_MS,
): Promise<void> {
  const start = performance.now();
  let waited = 0;
  for (let at = start; !(await condition()); ) {
    const pauseMs = Math.min(LAST_POLL_MS, Math.max(FIRST_POLL_MS, waited / 10));
    await pause(pauseMs);
    const now = performance.now();
    waited += Math.min(now - at, pauseMs + LONGEST_LOOK_MS);
    at = now;
    if (waited > deadlineMs || now - start > MOST_TIMES_AS_LONG * deadlineMs) {
      const found = await testimony();
      throw new Error([`waited ${Math.round(now - start)} ms for ${what}`, ...found].join("\n"));
    }
  }
}
