import type { ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { setTimeout as wait } from "node:timers/promises";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";

/** What happens to an answer on its way. */
export interface WireTrouble {
  /** The answer begins so many milliseconds late. */
  readonly lateMs?: number;
  /** The body is packed in these ways, one after the other, and says so. */
  readonly encodings?: readonly Encoding[];
  /** The Content-Encoding that is told, if it is not the true one. */
  readonly toldEncoding?: string;
  readonly breaks?: Break;
  /** A header of so many bytes. */
  readonly giantHeader?: number;
}

export type Encoding = "gzip" | "br" | "deflate";

/** The body breaks off after so many of its bytes, as they are on the wire. */
export interface Break {
  readonly at: number;
  /**
   * `stall`: nothing more is sent, the connection stays open. `pause`: the rest comes after `ms`. `reset`: the connection is
   * reset. `cut`: it is closed, short of the length that was announced. `short`: the announced length is that of the part,
   * so that HTTP sees no fault. `endless`: blanks follow for as long as somebody reads them.
   */
  readonly how: "stall" | "reset" | "cut" | "short" | "endless" | { readonly pauseMs: number };
}

const ENCODERS = { gzip: gzipSync, br: brotliCompressSync, deflate: deflateSync } as const;

/** An answer before anything happens to it. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Sends an answer with what happens to it. Resolves to whether it was sent whole. */
export async function send(response: ServerResponse, answer: Answer, trouble: WireTrouble): Promise<boolean> {
  const { lateMs = 0, encodings = [], toldEncoding = encodings.join(", "), breaks, giantHeader } = trouble;
  if (lateMs > 0) await wait(lateMs);
  const bytes = encodings.reduce((packed, encoding) => ENCODERS[encoding](packed), answer.body);
  const part = breaks === undefined ? bytes : bytes.subarray(0, breaks.at);
  response.writeHead(answer.status, {
    ...answer.headers,
    ...(toldEncoding === "" ? {} : { "Content-Encoding": toldEncoding }),
    ...(giantHeader === undefined ? {} : { "X-Giant": "x".repeat(giantHeader) }),
    ...(breaks?.how === "endless" || answer.status === 204
      ? {}
      : { "Content-Length": breaks?.how === "short" ? part.length : bytes.length }),
  });
  if (breaks === undefined) {
    response.end(bytes);
    return true;
  }
  return await broken(response, part, bytes.subarray(part.length), breaks.how);
}

async function broken(
  response: ServerResponse,
  part: Buffer,
  rest: Buffer,
  how: Break["how"],
): Promise<boolean> {
  if (how === "short") {
    response.end(part);
    return false;
  }
  response.flushHeaders();
  if (part.length > 0) await new Promise<void>((resolve) => response.write(part, () => resolve()));
  if (typeof how === "object") {
    await wait(how.pauseMs);
    response.end(rest);
    return true;
  }
  if (how === "reset") response.socket?.resetAndDestroy();
  if (how === "cut") response.socket?.end();
  // It ends with the connection.
  if (how === "endless") await pipeline(blanks, response).catch(() => {});
  return false;
}

function* blanks(): Generator<Buffer> {
  const some = Buffer.alloc(64 * 1024, " ");
  while (true) yield some;
}
