const BEAT_MS = 5_000;
const SILENT_BEATS = 6;
/** A beat that comes so late says that the thread was busy: it heard nothing then, and knows nothing. */
const LATE_MS = 1_000;

/** Gives a connection up after 30 s in which nothing came although somebody listened. */
export class Silence {
  readonly #tooLong: () => void;
  #timer: ReturnType<typeof setInterval> | undefined;
  #beats = 0;

  constructor(tooLong: () => void) {
    this.#tooLong = tooLong;
  }

  begin(): void {
    this.end();
    this.#beats = 0;
    let due = performance.now() + BEAT_MS;
    this.#timer = setInterval(() => {
      const late = performance.now() > due + LATE_MS;
      due = performance.now() + BEAT_MS;
      if (!late && ++this.#beats >= SILENT_BEATS) this.#tooLong();
    }, BEAT_MS);
  }

  heard(): void {
    this.#beats = 0;
  }

  end(): void {
    clearInterval(this.#timer);
  }
}
