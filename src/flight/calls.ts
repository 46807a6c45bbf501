import { type Client, connectivityState, Metadata } from "@grpc/grpc-js";
import { AmpsyncError } from "../errors.ts";
import { bearer } from "../model/bearer.ts";
import { release } from "../model/memory.ts";
import { unreachable } from "./flight-error.ts";
import { onlyGrpc } from "./only-grpc.ts";
import { PacedCall } from "./paced-call.ts";
import { ConnectionFull } from "./stream-connections.ts";

const SILENT =
  "The connection stands, but the request is not answered: its network may have failed, or the server or a proxy in front of it takes no more requests on a connection.";

/** Headers of any call. */
export function authorization(token: string | null): Metadata {
  const headers = new Metadata();
  if (token !== null) {
    headers.set("authorization", bearer(token));
  }
  return headers;
}

/** Counts the bytes of messages that a process has received and is not done with. */
export interface ReceivedBytes {
  readonly isExhausted: boolean;
  take(bytes: number): void;
  give(bytes: number): void;
}

/** One request to a method of the server. */
export interface Call {
  readonly method: string;
  readonly request: Buffer;
  readonly headers: Metadata;
  readonly signal: AbortSignal;
  /** How long the call may wait for a connection. */
  readonly connectMs: number;
  /** How long the whole answer may take; no limit if absent. */
  readonly answerMs?: number;
  /** Called before the call ends because it took too long: its connection may be dead, whatever state it reports. */
  readonly onLate?: (error: AmpsyncError) => void;
  /** Whether other calls may keep the server from answering: then ConnectionFull ends the call after `connectMs`. */
  readonly mayBeFull?: boolean;
  /** Counts the messages of a stream. Where it is exhausted, one message is fetched at a time. */
  readonly received?: ReceivedBytes | undefined;
}

/** One request, one answer. Rejects with the library's error, with SY104 if it takes too long, or with the signal's reason. */
export function callUnary(client: Client, call: Call): Promise<Buffer> {
  const { method, request, headers, signal } = call;
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const options = { interceptors: [onlyGrpc] };
    const running = client.makeUnaryRequest(
      method,
      same,
      same,
      request,
      headers,
      options,
      (error, answer) => {
        signal.removeEventListener("abort", onAbort);
        times[Symbol.dispose]();
        if (answer === undefined) {
          reject(error ?? new AmpsyncError("SY104", "The server sent no answer"));
        } else {
          resolve(answer);
        }
      },
    );
    const end = (reason: unknown) => {
      reject(reason); // Before cancelling: whether a cancelled call reports anything is up to the library.
      running.cancel();
    };
    const onAbort = () => end(signal.reason);
    const times = limitTimes(client, call, end);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

/**
 * One request and a stream of messages, which are fetched only as they are consumed. The memory of a message is given
 * back when the next one is asked for.
 */
export async function* callStream(client: Client, call: Call): AsyncGenerator<Buffer> {
  const { method, request, headers, signal, received } = call;
  signal.throwIfAborted();
  let paced: PacedCall | null = null;
  let late: Error | null = null;
  let isOver = false;
  let held = 0;
  const hold = (bytes: number) => {
    held += bytes;
    received?.take(bytes);
  };
  const letGo = (bytes: number) => {
    held -= bytes;
    received?.give(bytes);
  };
  const arrived = (message: Buffer) => {
    if (!isOver) hold(message.length);
    return message;
  };
  const running = client.makeServerStreamRequest(method, same, arrived, request, headers, {
    interceptors: [
      (options, next) => {
        paced = new PacedCall(next(options), () => received?.isExhausted ?? false);
        return paced;
      },
      onlyGrpc,
    ],
  });
  // A cancelled call fails once more after its reader has gone, when nothing else listens.
  running.on("error", () => undefined);
  const cancel = () => running.cancel();
  signal.addEventListener("abort", cancel, { once: true });
  using _times = limitTimes(client, call, (error) => {
    late = error;
    running.destroy(error);
  });

  try {
    for await (const message of running) {
      signal.throwIfAborted();
      const { length } = message;
      yield message;
      release(message.buffer);
      letGo(length);
      isDone(paced);
    }
    signal.throwIfAborted();
  } catch (error) {
    throw late ?? error;
  } finally {
    signal.removeEventListener("abort", cancel);
    running.cancel();
    isOver = true;
    letGo(held);
  }
}

/** Ends a call that is not connected, or not answered, in time. */
function limitTimes(
  client: Client,
  { connectMs, answerMs, onLate, mayBeFull = false }: Call,
  end: (error: Error) => void,
): Disposable {
  const stands = () => client.getChannel().getConnectivityState(false) === connectivityState.READY;
  const late = (what: string, ms: number) => {
    const error = unreachable(`No ${what} within ${ms / 1000} s`, stands() ? SILENT : undefined);
    onLate?.(error);
    end(error);
  };
  const connecting = setTimeout(() => {
    if (!stands()) {
      late("connection", connectMs);
    } else if (mayBeFull) {
      end(new ConnectionFull());
    }
  }, connectMs);
  const answering = answerMs === undefined ? undefined : setTimeout(() => late("answer", answerMs), answerMs);
  return {
    [Symbol.dispose]() {
      clearTimeout(connecting);
      clearTimeout(answering);
    },
  };
}

/** Takes the call as an argument, because the compiler does not see that the interceptor has set it. */
function isDone(call: PacedCall | null): void {
  call?.done();
}

function same(bytes: Buffer): Buffer {
  return bytes;
}
