import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";

/** The page keeps its store by its origin: the same port again finds it again. */
const USUAL_PORT = 8787;
const HOST = "127.0.0.1";
const MOST_BODY_BYTES = 4_096;

const TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".data": "application/octet-stream",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

/** What the page asks for, beside its own files: by GET what it shows, by POST what its buttons do. */
export interface Backend {
  /** What does not change. */
  readonly setting: () => Promise<unknown>;
  /** For the client with this id, or for nobody yet. */
  readonly state: (clientId: string | null) => Promise<unknown>;
  readonly reorg: () => Promise<unknown>;
  readonly killGateway: (address: string | null) => Promise<unknown>;
}

export interface Folders {
  /** The page and its bundles. */
  readonly page: string;
  /** PGlite's files, which the bundles load from `/pglite/`. */
  readonly pglite: string;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: Buffer | string;
}

/**
 * Serves the page on the loopback, to pages of its own origin alone: what it can do, no other page of the browser can make
 * it do, whatever name leads to this machine.
 */
export class PageServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #folders: Folders;
  #serving: { readonly backend: Backend; readonly gatewayUrl: string } | null = null;

  private constructor(folders: Folders) {
    this.#folders = folders;
    this.#server = createServer((request, response) => {
      this.#answer(request)
        .catch((error: unknown) => text(500, error instanceof Error ? error.message : String(error)))
        .then((answer) => this.#respond(response, answer));
    });
  }

  /** On its usual port, or where that is taken on another one. Serves nothing yet. */
  static async start(folders: Folders): Promise<PageServer> {
    const started = new PageServer(folders);
    try {
      await started.#listen(USUAL_PORT);
    } catch {
      await started.#listen(0);
    }
    return started;
  }

  get url(): string {
    return `http://${HOST}:${this.#port}`;
  }

  /** What browsers may call it. */
  get origins(): readonly string[] {
    return [this.url, `http://localhost:${this.#port}`];
  }

  /** From now on the page is there, and may connect to that address besides. */
  serve(backend: Backend, gatewayUrl: string): void {
    this.#serving = { backend, gatewayUrl };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  get #port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async #listen(port: number): Promise<void> {
    this.#server.listen(port, HOST);
    await once(this.#server, "listening");
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    const { method = "GET", headers } = request;
    const { origins } = this;
    const isOurs = origins.includes(`http://${headers.host}`);
    const isSameOrigin = headers.origin === undefined ? method === "GET" : origins.includes(headers.origin);
    if (!isOurs || !isSameOrigin) return text(403, "for pages of this server only");
    if (this.#serving === null) return text(503, "the demo starts");
    const { backend } = this.#serving;
    const { pathname, searchParams } = new URL(request.url ?? "/", this.url);
    switch (`${method} ${pathname}`) {
      case "GET /setting":
        return json(await backend.setting());
      case "GET /state":
        return json(await backend.state(searchParams.get("client")));
      case "POST /reorg":
        return json(await backend.reorg());
      case "POST /kill-gateway": {
        const { address } = await bodyOf(request);
        return json(await backend.killGateway(typeof address === "string" ? address : null));
      }
      default:
        return method === "GET" ? await this.#file(pathname) : text(405, "GET");
    }
  }

  async #file(pathname: string): Promise<Answer> {
    const { page, pglite } = this.#folders;
    const [, folder, name] = /^(\/pglite)?\/((?:[\w-]+\/)*[\w-][\w.-]*|)$/.exec(pathname) ?? [];
    if (name === undefined) return text(404, "not found");
    const file = name === "" ? "index.html" : name;
    try {
      const body = await readFile(join(folder === undefined ? page : pglite, file));
      return { status: 200, type: TYPES[extname(file)] ?? "application/octet-stream", body };
    } catch {
      return text(404, "not found");
    }
  }

  #respond(response: ServerResponse, { status, type, body }: Answer): void {
    const gateway = this.#serving?.gatewayUrl ?? "";
    response.writeHead(status, {
      "content-type": type,
      "cache-control": "no-store",
      "content-security-policy": [
        "default-src 'none'",
        "script-src 'self' 'wasm-unsafe-eval'",
        "worker-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        `connect-src 'self' ${gateway} ${gateway.replace("http", "ws")}`,
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
      ].join("; "),
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
    });
    response.end(body);
  }
}

function text(status: number, body: string): Answer {
  return { status, type: "text/plain; charset=utf-8", body: `${body}\n` };
}

function json(value: unknown): Answer {
  return { status: 200, type: "application/json; charset=utf-8", body: JSON.stringify(value) };
}

/** What is sent is small; anything else counts as nothing. */
async function bodyOf(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  let body = "";
  for await (const piece of request) {
    body += String(piece);
    if (body.length > MOST_BODY_BYTES) return {};
  }
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
