import { InterceptingCall } from "@grpc/grpc-js";

/**
 * A call that fetches no message before there is room for it.
 *
 * The library's stream prefetches 16 messages of up to 32 MiB each; here every read
 * waits for a permit. HTTP/2 flow control holds back what is not read.
 */
export class PacedCall extends InterceptingCall {
  #permits: number;
  #waitingReads = 0;

  constructor(next: ConstructorParameters<typeof InterceptingCall>[0], permits: number) {
    super(next);
    this.#permits = permits;
  }

  override startRead(): void {
    if (this.#permits === 0) {
      this.#waitingReads += 1;
      return;
    }
    this.#permits -= 1;
    super.startRead();
  }

  /** Allows one more message, because one was consumed. */
  permit(): void {
    this.#permits += 1;
    if (this.#waitingReads > 0) {
      this.#waitingReads -= 1;
      this.startRead();
    }
  }
}
