import { Agent, request } from "node:https";
import { Readable } from "node:stream";

import type { TlsFiles } from "../model/tls-files.ts";
import type { Get } from "./request.ts";

/** Statuses whose answers have no body, and which Response takes without one alone. */
const EMPTY: ReadonlySet<number> = new Set([204, 205, 304]);

/**
 * GET over TLS with certificates of our own, which `fetch` cannot be given. Follows no redirect, and asks for no
 * compression. Each request reads the files and connects, with the session of the last one while they stay the same.
 */
export function httpsGet(tls: () => TlsFiles): Get {
  const agent = new Agent({ keepAlive: false });
  return async (url, { headers, signal }) => {
    const { ca, identity } = tls();
    const files = { ...(ca !== null && { ca }), ...identity };
    return await new Promise((resolve, reject) => {
      const asked = request(url, { agent, headers, signal, ...files }, (answer) => {
        const status = answer.statusCode ?? 0;
        const retryAfter = answer.headers["retry-after"];
        const init = { status, headers: retryAfter === undefined ? {} : { "retry-after": retryAfter } };
        if (EMPTY.has(status)) {
          answer.resume();
          resolve(new Response(null, init));
        } else if (status < 200 || status > 599) {
          asked.destroy(new Error(`the answer has the status ${status}`));
        } else {
          resolve(new Response(Readable.toWeb(answer) as ReadableStream<Uint8Array>, init)); // Its type has the same name elsewhere.
        }
      });
      asked.on("upgrade", ({ statusCode }, socket) => {
        socket.destroy();
        reject(new Error(`the answer has the status ${statusCode}`));
      });
      asked.on("error", reject);
      asked.on("close", () => reject(new Error("the connection was closed without an answer"))); // After an answer this does nothing.
      asked.end();
    });
  };
}
