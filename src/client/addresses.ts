/** Where gateways are: the address that the application named, and others that a gateway has sent this client to. */
export class Addresses {
  readonly #own: string;
  #others: readonly string[] = [];
  /** The one that was tried last, without a slash at its end. */
  now: string;

  constructor(own: string) {
    this.#own = withoutSlash(own);
    this.now = this.#own;
  }

  /** To be tried next: each of the others once, and then what the application named. */
  next(): string {
    const [first, ...others] = this.#others;
    this.#others = others;
    this.now = first ?? this.#own;
    return this.now;
  }

  /** A gateway does not take this client; these do. None gets a token over a line that is less safe than the application's. */
  sentTo(gateways: readonly string[]): void {
    const mayBeOpen = /^(http|ws):/i.test(this.#own);
    this.#others = gateways.map(withoutSlash).filter((each) => isSafe(each, mayBeOpen) && each !== this.now);
  }

  /** It is taken here: the rest is forgotten. */
  welcomed(): void {
    this.#others = [];
  }
}

function isSafe(address: string, mayBeOpen: boolean): boolean {
  return (mayBeOpen ? /^(http|ws)s?:\/\//i : /^(https|wss):\/\//i).test(address);
}

function withoutSlash(address: string): string {
  return address.replace(/\/+$/, "");
}
