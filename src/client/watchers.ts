import { type ClientStatus, errorOf } from "./status.ts";
import type { Failure } from "./subscriptions.ts";

/** Those who are told how a client stands, and those who wait until it stands otherwise. */
export class Watchers {
  readonly #status: () => ClientStatus;
  readonly #listeners = new Set<(status: ClientStatus) => void>();
  /** Asked each time the state may have changed. */
  readonly #waiting = new Set<() => void>();
  #closed = false;

  constructor(status: () => ClientStatus) {
    this.#status = status;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Calls the listener at once; returns what ends it. */
  add(listener: (status: ClientStatus) => void): () => void {
    this.#listeners.add(listener);
    listener(this.#status());
    return () => void this.#listeners.delete(listener);
  }

  tell(thrown: (error: unknown) => void): void {
    const status = this.#status();
    for (const listener of this.#listeners) {
      try {
        listener(status);
      } catch (error) {
        thrown(error);
      }
    }
    this.#ask();
  }

  /** From now on who waits, and who will, hears that the client is closed. */
  close(): void {
    this.#closed = true;
    this.#ask();
  }

  /** Resolves when everything that was asked for is here; rejects where a shape is refused. */
  ready(): Promise<void> {
    return this.#until(({ connected, phase, shapes }) => {
      const failed = shapes.find((shape) => shape.phase === "failed");
      if (failed !== undefined) return refused(connected, failed.error);
      return phase === "live";
    });
  }

  /** Resolves when the rows of that subscription are here, or it is gone. */
  settled(id: string): Promise<void> {
    return this.#until(({ connected, shapes }) => {
      const shape = shapes.find((one) => one.id === id);
      if (shape?.phase === "failed") return refused(connected, shape.error);
      return shape === undefined || shape.phase === "live";
    });
  }

  /** Resolves once it is so; rejects when it throws, or when the client is closed before. */
  #until(isSo: (status: ClientStatus) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        try {
          if (!this.#closed && !isSo(this.#status())) return;
          this.#waiting.delete(look);
          if (this.#closed) reject(new Error("the client is closed"));
          else resolve();
        } catch (error) {
          this.#waiting.delete(look);
          reject(error);
        }
      };
      this.#waiting.add(look);
      look();
    });
  }

  #ask(): void {
    for (const look of [...this.#waiting]) look();
  }
}

/** Throws what a gateway says; what one said to an earlier connection may be over, and is waited for. */
function refused(connected: boolean, error: Failure | null): false {
  if (connected && error !== null) throw errorOf(error);
  return false;
}
