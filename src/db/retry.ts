import { setTimeout as pause } from "node:timers/promises";

import type { Log } from "../log.ts";
import { failureOf, reactionTo } from "../model/failure.ts";

const FIRST_DELAY_MS = 50;
const LONGEST_DELAY_MS = 5_000;
const MAX_TRIES = 50;
const GIVE_UP_AFTER_MS = 60_000;

/**
 * Does something that must not be lost to a broken connection: tries it again,
 * on new connections, with delays that grow. Gives up with the last error when it
 * cannot be mended so, after a minute, or when the signal says that nobody waits.
 */
export async function retryOperation<T>(work: () => Promise<T>, log: Log, signal: AbortSignal): Promise<T> {
  const deadline = performance.now() + GIVE_UP_AFTER_MS;
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const { code, message } = failureOf(error);
      const isOver = signal.aborted || attempt === MAX_TRIES || performance.now() > deadline;
      if (isOver || reactionTo(code) !== "retry") {
        throw error;
      }
      log.warn("db_operation_retry", { attempt, code, error: message });
      const delay = Math.min(FIRST_DELAY_MS * 2 ** (attempt - 1), LONGEST_DELAY_MS);
      await pause(delay * (0.8 + 0.4 * Math.random()));
    }
  }
}
