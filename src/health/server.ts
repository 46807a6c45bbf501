import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

import { AmpsyncError } from "../errors.ts";
import type { Log } from "../log.ts";
import { textOf } from "../model/failure.ts";

export interface HttpAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** Path → what answers a GET of it. */
export type Pages = Readonly<Record<string, () => Promise<HttpAnswer>>>;

/** A client that sends or reads slowly is cut off; nobody has reason to send much. */
const REQUEST_MS = 5_000;
const SILENT_MS = 10_000;
const CHECK_MS = 1_000;
const HEADER_BYTES = 8 * 1024;
const MOST_CONNECTIONS = 100;

const OTHER_ADDRESS =
  "Set HEALTH_HOST to an address of this machine: 127.0.0.1 for itself alone, 0.0.0.0 for all of its addresses.";

/** By the code of the system, where the port is not to blame for being taken. */
const LISTEN_HINTS: Readonly<Record<string, string>> = {
  EADDRNOTAVAIL: OTHER_ADDRESS,
  ENOTFOUND: OTHER_ADDRESS,
  EAI_AGAIN: OTHER_ADDRESS,
  EACCES: "Set HEALTH_PORT to 1024 or more: the user of this process may not open ports below.",
};

/**
 * A small HTTP server for monitors: reads only, keeps no process alive. Throws SY902 where the port cannot be opened.
 */
export async function listen(host: string, port: number, pages: Pages, log: Log): Promise<Server> {
  const server = createServer(
    {
      maxHeaderSize: HEADER_BYTES,
      requestTimeout: REQUEST_MS,
      headersTimeout: REQUEST_MS,
      connectionsCheckingInterval: CHECK_MS,
    },
    (request, response) => void answer(pages, request, response),
  );
  server.maxConnections = MOST_CONNECTIONS;
  server.keepAliveTimeout = REQUEST_MS;
  server.setTimeout(SILENT_MS);
  server.on("connection", (socket) => socket.unref());
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (error) {
    const why = textOf(error, "code") ?? String(error);
    throw new AmpsyncError("SY902", `the health port ${port} of ${host} cannot be opened: ${why}`, {
      detail: "HEALTH_HOST and HEALTH_PORT name it.",
      hint:
        LISTEN_HINTS[why] ??
        "Give each worker of a machine a HEALTH_PORT of its own, or stop what uses this one.",
      cause: error,
    });
  }
  // Such as too many open files: the worker goes on, and the next connection may be taken.
  server.on("error", (error) => log.warn("health_failed", { error: textOf(error, "code") ?? String(error) }));
  return server.unref();
}

/** Ends its connections too: a monitor that keeps one open asks again elsewhere. */
export async function close(server: Server): Promise<void> {
  const closed = once(server, "close");
  server.close();
  server.closeAllConnections();
  await closed;
}

async function answer(pages: Pages, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { status, type, body } = await respond(pages, request).catch(() => text(500, "failed"));
  response.writeHead(status, {
    "content-type": type,
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
    ...(status === 405 && { allow: "GET, HEAD" }),
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

async function respond(pages: Pages, { method, url = "" }: IncomingMessage): Promise<HttpAnswer> {
  const path = url.replace(/\?.*$/s, "");
  const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
  if (page === undefined) return text(404, `there is ${Object.keys(pages).join(", ")}`);
  if (method !== "GET" && method !== "HEAD") return text(405, "read only");
  return await page();
}

export function text(status: number, body: string): HttpAnswer {
  return { status, type: "text/plain; charset=utf-8", body: `${body}\n` };
}
