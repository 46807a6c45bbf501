/** What distributes connections among gateways, as a load balancer does: each goes to the next one. */
export class Balancer {
  urls: readonly string[];
  #next = 0;

  constructor(urls: readonly string[]) {
    this.urls = urls;
  }

  /** The same address at the next gateway. */
  route(address: string | URL): string {
    const { protocol, pathname, search } = new URL(address);
    const to = new URL(this.urls[this.#next++ % this.urls.length]!);
    return `${protocol}//${to.host}${pathname}${search}`;
  }

  /** For `createClient`. */
  options() {
    const route = this.route.bind(this);
    return {
      WebSocket: class extends WebSocket {
        constructor(address: string | URL, protocols?: string | string[] | WebSocketInit) {
          super(route(address), protocols);
        }
      },
      fetch: ((input: string | URL, init?: RequestInit) => fetch(route(input), init)) as typeof fetch,
    };
  }
}
