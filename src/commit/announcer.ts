import type { Announcement } from "../db/stream-calls.ts";
import type { Log } from "../log.ts";

/** Between two calls of one process: 20 a second at most. */
const INTERVAL_MS = 50;

/**
 * Tells listeners of commits, after them and apart from them: no commit waits for a notification. One of each stream
 * waits at most, which later commits join; all that wait go in one call. What cannot be sent is dropped, since
 * listeners also poll.
 */
export class Announcer {
  readonly #send: (announcements: readonly Announcement[]) => Promise<boolean>;
  readonly #log: Log;
  #waiting = new Map<bigint, Announcement>();
  #isStopped = false;
  #isFailing = false;
  #sending: Promise<void> | null = null;
  #endPause = () => {};

  /** `send` resolves to false if the notifications would have to wait. */
  constructor(send: (announcements: readonly Announcement[]) => Promise<boolean>, log: Log) {
    this.#send = send;
    this.#log = log;
  }

  committed(announcement: Announcement): void {
    if (this.#isStopped) {
      return;
    }
    this.#add(announcement);
    this.#sending ??= this.#sendAll();
  }

  /** Drops what waits; resolves when nothing is being sent any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#endPause();
    await this.#sending;
  }

  #add(announcement: Announcement): void {
    const earlier = this.#waiting.get(announcement.streamId);
    this.#waiting.set(
      announcement.streamId,
      earlier === undefined ? announcement : join(earlier, announcement),
    );
  }

  async #sendAll(): Promise<void> {
    while (this.#waiting.size > 0 && !this.#isStopped) {
      const announcements = this.#waiting;
      this.#waiting = new Map();
      await this.#sendThese(announcements);
      await this.#pause();
    }
    this.#sending = null; // Here, so that no commit comes between the look and this.
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

  async #sendThese(announcements: ReadonlyMap<bigint, Announcement>): Promise<void> {
    try {
      const areSent = await this.#send([...announcements.values()]);
      this.#isFailing = false;
      if (!areSent) {
        const later = this.#waiting;
        this.#waiting = new Map(announcements);
        for (const announcement of later.values()) this.#add(announcement);
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
