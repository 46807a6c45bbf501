/** Who writes, as the heartbeat sees it. */
export interface Writer {
  /** Since when its transaction waits for the server, by performance.now(); null while it does not. */
  waitingSince: number | null;
}

/** A server that is waited for too long is looked after by the heartbeat. */
export async function awaitServer<T>(writer: Writer, answer: Promise<T>): Promise<T> {
  writer.waitingSince = performance.now();
  try {
    return await answer;
  } finally {
    writer.waitingSince = null;
  }
}
