import { type Client, connectivityState, Metadata } from "@grpc/grpc-js";
import { AmpsyncError } from "../errors.ts";
import { bearer } from "../model/bearer.ts";
import { onlyGrpc } from "./only-grpc.ts";
import { PacedCall } from "./paced-call.ts";

/** Messages received or on their way, beyond the one the consumer works on. */
const MESSAGES_AHEAD = 2;

/** Headers of any call. */
export function authorization(token: string | null): Metadata {
  const headers = new Metadata();
  if (token !== null) {
    headers.set("authorization", bearer(token));
  }
  return headers;
}

/** One request to a method of the server. */
export interface Call {
  readonly method: string;
  readonly request: Buffer;
  readonly headers: Metadata;
  readonly signal: AbortSignal;
}

/** One request, one answer. Rejects with the library's error, also when the signal cancels it. */
export function callUnary(client: Client, call: Call & { readonly timeoutMs: number }): Promise<Buffer> {
  const { method, request, headers, signal } = call;
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const deadline = Date.now() + call.timeoutMs;
    const cancel = () => running.cancel();
    const running = client.makeUnaryRequest(
      method,
      same,
      same,
      request,
      headers,
      { deadline, interceptors: [onlyGrpc] },
      (error, answer) => {
        signal.removeEventListener("abort", cancel);
        if (answer === undefined) {
          reject(error ?? new AmpsyncError("SY104", "The server answered nothing"));
        } else {
          resolve(answer);
        }
      },
    );
    signal.addEventListener("abort", cancel, { once: true });
  });
}

/**
 * One request and a stream of messages, fetched only as they are taken. It may
 * be silent for ever, but it must be connected in time.
 */
export async function* callStream(
  client: Client,
  call: Call & { readonly connectTimeoutMs: number },
): AsyncGenerator<Buffer> {
  const { method, request, headers, signal, connectTimeoutMs } = call;
  signal.throwIfAborted();
  let paced: PacedCall | null = null;
  let unconnected = false;
  const running = client.makeServerStreamRequest(method, same, same, request, headers, {
    interceptors: [
      (options, next) => {
        paced = new PacedCall(next(options), MESSAGES_AHEAD);
        return paced;
      },
      onlyGrpc,
    ],
  });
  // A cancelled call fails once more after its reader has gone: nobody else listens then.
  running.on("error", () => undefined);
  const cancel = () => running.cancel();
  signal.addEventListener("abort", cancel, { once: true });
  const connecting = setTimeout(() => {
    unconnected = client.getChannel().getConnectivityState(false) !== connectivityState.READY;
    if (unconnected) {
      running.cancel();
    }
  }, connectTimeoutMs);

  try {
    for await (const message of running) {
      signal.throwIfAborted();
      permitOne(paced);
      yield message;
    }
    signal.throwIfAborted();
  } catch (error) {
    if (unconnected) {
      throw new AmpsyncError("SY104", `No connection within ${connectTimeoutMs / 1000} s`);
    }
    throw error;
  } finally {
    clearTimeout(connecting);
    signal.removeEventListener("abort", cancel);
    running.cancel();
  }
}

/** Takes the call as an argument, because the compiler does not see that the interceptor has set it. */
function permitOne(call: PacedCall | null): void {
  call?.permit();
}

function same(bytes: Buffer): Buffer {
  return bytes;
}
