/** Whether the leader answers. One that is silent keeps its lock, and with it the store: that is shown, and no more. */
export class Pulse {
  readonly #ping: (isSilent: boolean) => void;
  readonly #frozen: (isFrozen: boolean) => void;
  readonly #frozenAfterMs: number;
  readonly #timer: ReturnType<typeof setInterval>;
  /** Since when it has been asked in vain. */
  #since: number | null = null;
  #isFrozen = false;

  constructor(
    times: { readonly pingMs: number; readonly frozenMs: number },
    ping: (isSilent: boolean) => void,
    frozen: (isFrozen: boolean) => void,
  ) {
    this.#ping = ping;
    this.#frozen = frozen;
    this.#frozenAfterMs = times.frozenMs;
    this.#timer = setInterval(() => this.#beat(), times.pingMs);
    this.#beat();
  }

  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  heard(): void {
    this.#since = null;
    if (!this.#isFrozen) return;
    this.#isFrozen = false;
    this.#frozen(false);
  }

  end(): void {
    clearInterval(this.#timer);
  }

  #beat(): void {
    const now = performance.now();
    const isSilent = this.#since !== null;
    this.#since ??= now;
    if (!this.#isFrozen && now - this.#since >= this.#frozenAfterMs) {
      this.#isFrozen = true;
      this.#frozen(true);
    }
    this.#ping(isSilent);
  }
}
