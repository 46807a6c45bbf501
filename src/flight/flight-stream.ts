import type { ArrowBatch, ArrowDictionary } from "../arrow/batch.ts";
import { decodePlain } from "../arrow/message.ts";
import type { ArrowSchema } from "../arrow/type.ts";
import { AmpsyncError } from "../errors.ts";
import { release } from "../model/memory.ts";
import type { MicrobatchMetadata } from "../protocol/microbatch.ts";
import { parseMetadata } from "./metadata.ts";
import type { FlightData } from "./protocol/messages.ts";

export type FlightMessage =
  | { readonly kind: "schema"; readonly schema: ArrowSchema }
  /** Values for the batches that follow. */
  | { readonly kind: "dictionary"; readonly dictionary: ArrowDictionary }
  | {
      readonly kind: "batch";
      /** Its memory is given back when the next message is asked for. */
      readonly batch: ArrowBatch;
      readonly metadata: MicrobatchMetadata | null;
    };

export interface ReadOptions {
  /** Ends the stream, as the signal that it began with does. */
  readonly signal: AbortSignal;
  /** Called for each message received, before it is decoded. */
  readonly onReceived?: () => Promise<void>;
}

/** An answer that was requested. Disposing it ends it. */
export interface FlightStream extends Disposable {
  /** The schema as it was planned. */
  readonly schema: ArrowSchema;
  /** The messages, once. If there is a schema, it is the first. Ends when the server ends the stream without an error. */
  read(options: ReadOptions): AsyncGenerator<FlightMessage>;
}

interface Requested {
  readonly schema: ArrowSchema;
  readonly received: AsyncGenerator<FlightData>;
  /** The first message, which was asked for already. */
  readonly first: Promise<IteratorResult<FlightData, void>>;
  /** Ends the call. */
  readonly over: AbortController;
  /** Gives up the stream's place on its connection. */
  readonly leave: () => void;
  readonly maxBodyBytes: number;
}

export function flightStream({
  schema,
  received,
  first,
  over,
  leave,
  maxBodyBytes,
}: Requested): FlightStream {
  function end(): void {
    over.abort();
    leave();
    received.return(undefined).catch(() => {}); // Nobody reads what it ends with.
  }
  return {
    schema,
    async *read({ signal, onReceived }) {
      const onAbort = () => over.abort(signal.reason);
      signal.addEventListener("abort", onAbort, { once: true });
      try {
        signal.throwIfAborted();
        yield* decoded(resumed(first, received), maxBodyBytes, onReceived);
      } finally {
        signal.removeEventListener("abort", onAbort);
        end();
      }
    },
    [Symbol.dispose]: end,
  };
}

async function* decoded(
  received: AsyncIterable<FlightData>,
  maxBodyBytes: number,
  onReceived: ReadOptions["onReceived"],
): AsyncGenerator<FlightMessage> {
  let hasBegun = false;
  for await (const data of received) {
    await onReceived?.();
    const message = await decodePlain(data, maxBodyBytes);
    if (message === null) {
      continue;
    }
    if (message.kind === "schema" && hasBegun) {
      throw new AmpsyncError("SY101", "The server sent a schema in the middle of its answer");
    }
    hasBegun = true;
    yield message.kind === "batch" ? { ...message, metadata: parseMetadata(data.appMetadata) } : message;
    if (message.kind === "batch") {
      release(message.batch.body.buffer);
    }
  }
}

/** All that a generator yields whose first result was asked for already. */
async function* resumed<T>(
  first: Promise<IteratorResult<T, void>>,
  rest: AsyncGenerator<T>,
): AsyncGenerator<T> {
  try {
    const { done, value } = await first;
    if (done !== true) {
      yield value;
      yield* rest;
    }
  } finally {
    await rest.return(undefined);
  }
}
