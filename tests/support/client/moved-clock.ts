interface Waiting {
  readonly at: number;
  readonly call: () => void;
}

/** So long nobody waits in a test: such timers wait for the clock to be moved. */
const LONG_MS = 120_000;

/**
 * The clock of this process, as clients read it to see how much time has passed, moved on by hours: what waits for minutes
 * happens when it is moved. Short waits are real ones.
 */
export class MovedClock {
  readonly #now = performance.now.bind(performance);
  readonly #setTimeout = globalThis.setTimeout;
  readonly #clearTimeout = globalThis.clearTimeout;
  readonly #waiting = new Map<unknown, Waiting>();
  #moved = 0;

  constructor() {
    performance.now = () => this.#now() + this.#moved;
    const set = (call: () => void, ms = 0, ...more: []) => {
      if (ms < LONG_MS) return this.#setTimeout(call, ms, ...more);
      const timer = this.#setTimeout(() => {}, 0);
      this.#waiting.set(timer, { at: performance.now() + ms, call });
      return timer;
    };
    globalThis.setTimeout = Object.assign(set, this.#setTimeout) as typeof setTimeout;
    globalThis.clearTimeout = (timer) => {
      this.#waiting.delete(timer);
      this.#clearTimeout(timer as NodeJS.Timeout);
    };
  }

  /** How long it is until the next one is due; null: nobody waits. */
  get nextInMs(): number | null {
    const at = Math.min(...[...this.#waiting.values()].map((one) => one.at));
    return Number.isFinite(at) ? Math.max(0, at - performance.now()) : null;
  }

  move(ms: number): void {
    this.#moved += ms;
    const due = [...this.#waiting].filter(([, { at }]) => at <= performance.now());
    for (const [timer, { call }] of due) {
      this.#waiting.delete(timer);
      call();
    }
  }

  /** The clock stays where it is: what has looked at it is never to see it go back. */
  [Symbol.dispose](): void {
    globalThis.setTimeout = this.#setTimeout;
    globalThis.clearTimeout = this.#clearTimeout;
  }
}
