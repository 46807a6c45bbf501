import type { Announcement } from "../db/stream-calls.ts";
import type { Log } from "../log.ts";
import { Paced } from "./paced.ts";

/**
 * Tells listeners of commits, after them and apart from them: no commit waits for a notification. One of each stream
 * waits at most, which later commits join; all that wait go in one call.
 */
export class Announcer {
  readonly #send: (announcements: readonly Announcement[]) => Promise<boolean>;
  readonly #paced: Paced;
  #waiting = new Map<bigint, Announcement>();
  #isStopped = false;

  /** `send` resolves to false if the notifications would have to wait. */
  constructor(send: (announcements: readonly Announcement[]) => Promise<boolean>, log: Log) {
    this.#send = send;
    this.#paced = new Paced(() => this.#sendWaiting(), log);
  }

  committed(announcement: Announcement): void {
    if (this.#isStopped) {
      return;
    }
    this.#add(announcement);
    this.#paced.wake();
  }

  /** Drops what waits; resolves when nothing is being sent any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#paced.stop();
  }

  #add(announcement: Announcement): void {
    const earlier = this.#waiting.get(announcement.streamId);
    this.#waiting.set(
      announcement.streamId,
      earlier === undefined ? announcement : join(earlier, announcement),
    );
  }

  async #sendWaiting(): Promise<boolean> {
    if (this.#isStopped) return false;
    const announcements = this.#waiting;
    this.#waiting = new Map();
    if (await this.#send([...announcements.values()])) return false;
    const later = this.#waiting;
    this.#waiting = new Map(announcements);
    for (const announcement of later.values()) this.#add(announcement);
    return true;
  }
}

function join(earlier: Announcement, later: Announcement): Announcement {
  const from = [earlier.replaced, later.replaced].filter((block) => block !== null);
  return { ...later, replaced: from.length === 0 ? null : from.reduce((a, b) => (a < b ? a : b)) };
}
