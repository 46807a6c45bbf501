import { InterceptingCall } from "@grpc/grpc-js";

/** The most messages of a call that are fetched or on their way: the one that is worked on, and those after it. */
const MESSAGES_HELD = 3;

/**
 * A call that fetches no message before there is room for it.
 *
 * The library's stream prefetches 16 messages of up to 32 MiB each; here a read waits until the messages before it are
 * done with, all but a few, or all of them where memory is short. HTTP/2 flow control holds back what is not read.
 */
export class PacedCall extends InterceptingCall {
  readonly #isShort: () => boolean;
  #held = 0;
  #waitingReads = 0;

  /** `isShort`: whether memory for messages is short. */
  constructor(next: ConstructorParameters<typeof InterceptingCall>[0], isShort: () => boolean) {
    super(next);
    this.#isShort = isShort;
  }

  override startRead(): void {
    if (this.#held >= (this.#isShort() ? 1 : MESSAGES_HELD)) {
      this.#waitingReads += 1;
      return;
    }
    this.#held += 1;
    super.startRead();
  }

  /** A message is done with. */
  done(): void {
    this.#held -= 1;
    if (this.#waitingReads > 0) {
      this.#waitingReads -= 1;
      this.startRead();
    }
  }
}
