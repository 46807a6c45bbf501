/** To all threads of an origin that have a channel of that name, this one's other channels too. */
export class Channel<Said, Heard> {
  readonly #channel: InstanceType<typeof BroadcastChannel>;
  #isClosed = false;

  constructor(name: string, hear: (message: Heard) => void) {
    this.#channel = new BroadcastChannel(name);
    // Only this release of this program knows the name.
    this.#channel.onmessage = ({ data }: { readonly data: unknown }) => hear(data as Heard);
  }

  /** Throws where the message cannot be copied, as a function cannot. Nobody hears it once this is closed. */
  say(message: Said): void {
    if (!this.#isClosed) this.#channel.postMessage(message);
  }

  close(): void {
    this.#isClosed = true;
    this.#channel.close();
  }
}
