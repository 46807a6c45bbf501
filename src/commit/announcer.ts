import type { Announcement } from "../db/stream-calls.ts";
import type { Log } from "../log.ts";

/** Between two notifications of one process: 20 a second at most. */
const INTERVAL_MS = 50;

/**
 * Tells listeners of commits, after them and apart from them: no commit waits for a notification. One of each stream
 * waits at most, which later commits join. What cannot be sent is dropped, since listeners also poll.
 */
export class Announcer {
  readonly #send: (announcement: Announcement) => Promise<boolean>;
  readonly #log: Log;
  readonly #waiting = new Map<bigint, Announcement>();
  #isStopped = false;
  #isFailing = false;
  #sending: Promise<void> | null = null;
  #endPause = () => {};

  /** `send` resolves to false where the notification would have to wait. */
  constructor(send: (announcement: Announcement) => Promise<boolean>, log: Log) {
    this.#send = send;
    this.#log = log;
  }

  committed(announcement: Announcement): void {
    if (this.#isStopped) {
      return;
    }
    const earlier = this.#waiting.get(announcement.streamId);
    this.#waiting.set(
      announcement.streamId,
      earlier === undefined ? announcement : join(earlier, announcement),
    );
    this.#sending ??= this.#sendAll();
  }

  /** Drops what waits; resolves when nothing is being sent any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#endPause();
    await this.#sending;
  }

  async #sendAll(): Promise<void> {
    for (;;) {
      const [next] = this.#waiting.values();
      if (next === undefined || this.#isStopped) {
        this.#sending = null; // Here, so that no commit comes between the look and this.
        return;
      }
      this.#waiting.delete(next.streamId);
      await this.#sendOne(next);
      await this.#pause();
    }
  }

  async #pause(): Promise<void> {
    if (this.#isStopped) {
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, INTERVAL_MS);
    this.#endPause = resolve;
    await promise;
    clearTimeout(timer);
  }

  async #sendOne(announcement: Announcement): Promise<void> {
    try {
      const isSent = await this.#send(announcement);
      this.#isFailing = false;
      if (!isSent) {
        const later = this.#waiting.get(announcement.streamId);
        this.#waiting.set(
          announcement.streamId,
          later === undefined ? announcement : join(announcement, later),
        );
      }
    } catch (error) {
      if (!this.#isFailing) {
        this.#log.warn("notification_dropped", { error: String(error) }); // Once, however many follow.
      }
      this.#isFailing = true;
    }
  }
}

function join(earlier: Announcement, later: Announcement): Announcement {
  const from = [earlier.replaced, later.replaced].filter((block) => block !== null);
  return { ...later, replaced: from.length === 0 ? null : from.reduce((a, b) => (a < b ? a : b)) };
}
