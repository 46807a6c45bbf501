import type { Log } from "../log.ts";

/** Between two of one process: 20 a second at most. */
const INTERVAL_MS = 50;

/**
 * Notifies listeners apart from what there is to tell: at once, then at most every 50 ms, one at a time. What cannot be sent
 * is dropped, since listeners also poll.
 */
export class Paced {
  readonly #send: () => Promise<boolean>;
  readonly #log: Log;
  #isDue = false;
  #isStopped = false;
  #isFailing = false;
  #sending: Promise<void> | null = null;
  #endPause = () => {};

  /** `send` sends all that there is by then; resolves to whether it is to be called again. */
  constructor(send: () => Promise<boolean>, log: Log) {
    this.#send = send;
    this.#log = log;
  }

  /** There is something to tell. */
  wake(): void {
    this.#isDue = true;
    this.#sending ??= this.#sendAll();
  }

  /** What is due is sent without a pause; resolves when nothing is being sent any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#endPause();
    await this.#sending;
  }

  async #sendAll(): Promise<void> {
    while (this.#isDue) {
      this.#isDue = false;
      try {
        if (await this.#send()) this.#isDue = true;
        this.#isFailing = false;
      } catch (error) {
        if (!this.#isFailing) {
          this.#log.warn("notification_dropped", { error: String(error) }); // Once, however many follow.
        }
        this.#isFailing = true;
      }
      await this.#pause();
    }
    this.#sending = null; // Here, so that nothing comes between the look and this.
  }

  async #pause(): Promise<void> {
    if (this.#isStopped) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, INTERVAL_MS);
    this.#endPause = resolve;
    await promise;
    clearTimeout(timer);
  }
}
