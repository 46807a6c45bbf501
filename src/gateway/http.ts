import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { failureOf } from "../model/failure.ts";
import type { Auth } from "./auth.ts";
import type { Chunks } from "./chunks.ts";

const CHUNK = /^\/v1\/snapshots\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/(\d{1,9})$/;
const HEADER_BYTES = 16 * 1024;
const REQUEST_MS = 10_000;
const PREFLIGHT = {
  "access-control-allow-methods": "GET",
  "access-control-allow-headers": "authorization, content-type, content-encoding",
  "access-control-max-age": "600",
};

interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
}

interface HttpOptions {
  readonly auth: Auth;
  readonly chunks: Chunks;
  readonly allowedOrigins: readonly string[];
  /** Null: ready. */
  readonly notReady: () => Promise<string | null>;
  readonly metrics: () => Promise<{ readonly type: string; readonly body: string }>;
}

/** Whether pages of this origin may talk to us. Programs that are no browsers name none. */
export function isAllowed(origin: string | undefined, allowed: readonly string[]): boolean {
  return origin === undefined || allowed.includes(origin);
}

/** What a gateway answers besides its sockets: chunks of snapshots, and monitors. */
export function httpServer(options: HttpOptions): Server {
  const server = createServer(
    { maxHeaderSize: HEADER_BYTES, requestTimeout: REQUEST_MS },
    (request, response) => {
      answer(options, request)
        .catch((error: unknown): Answer => ({ status: statusOf(error) }))
        .then((result) => respond(options, request, response, result));
    },
  );
  server.headersTimeout = REQUEST_MS;
  return server;
}

async function answer(options: HttpOptions, request: IncomingMessage): Promise<Answer> {
  const { method, url = "", headers } = request;
  const path = url.replace(/\?.*$/s, "");
  if (path === "/healthz") return { status: 200, body: "alive\n" };
  if (path === "/readyz") {
    const reason = await options.notReady();
    return { status: reason === null ? 200 : 503, body: `${reason ?? "ready"}\n` };
  }
  if (path === "/metrics") {
    const { type, body } = await options.metrics();
    return { status: 200, headers: { "content-type": type }, body };
  }
  const [, snapshot = "", n = ""] = CHUNK.exec(path) ?? [];
  if (snapshot === "") return { status: 404 };
  if (!isAllowed(headers.origin, options.allowedOrigins)) return { status: 403 };
  if (method === "OPTIONS") return { status: 204, headers: PREFLIGHT };
  if (method !== "GET") return { status: 405, headers: { allow: "GET, OPTIONS" } };
  const [, bearer = ""] = /^Bearer (\S+)$/i.exec(headers.authorization ?? "") ?? [];
  const token = await options.auth.check(bearer);
  const { status, body } = await options.chunks.get(snapshot, Number(n), token);
  if (status !== 200 || body === null) return { status };
  return {
    status,
    headers: { "content-type": "text/plain; charset=utf-8", "content-encoding": "gzip" },
    body,
  };
}

function statusOf(error: unknown): number {
  return failureOf(error).code === "SY105" ? 401 : 503;
}

function respond(
  { allowedOrigins }: HttpOptions,
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers = {}, body = "" }: Answer,
): void {
  const { origin } = request.headers;
  response.writeHead(status, {
    "cache-control": "no-store",
    "content-length": String(Buffer.byteLength(body)),
    ...(origin !== undefined &&
      isAllowed(origin, allowedOrigins) && { "access-control-allow-origin": origin, vary: "origin" }),
    ...headers,
  });
  response.end(request.method === "HEAD" ? undefined : body);
}
