import type { Dispatcher } from "undici";

import { AmpsyncError } from "../errors.ts";
import type { HttpAnswer, HttpHeaders, HttpRequest } from "./answer.ts";
import { decompress } from "./decompress.ts";
import { exchangeError } from "./exchange-error.ts";
import { tooLarge } from "./too-large.ts";

/** A request may take this many times as long as it may be silent. */
const SILENCES_IN_ALL = 12;
/** Of a refusal nobody reads more than its beginning: it is still more than is searched for secrets, whatever it is written in. */
const REFUSAL_BYTES = 256 * 1024;
const ENOUGH = new Error("enough of a refusal");

/** What became of a request that was not given up by its caller. */
export type Outcome =
  | { readonly kind: "answer"; readonly answer: HttpAnswer }
  /** `isWritten`: the server may have seen, and counted, it. */
  | { readonly kind: "failure"; readonly error: AmpsyncError; readonly isWritten: boolean };

export interface ExchangeOptions {
  /** Gives the request up. */
  readonly signal: AbortSignal;
  readonly maxBytes: number;
  /** Called when a connection takes the request. */
  readonly onSent?: () => void;
  /** Called when the answer begins: before its body, which may never end. */
  readonly onStart?: (status: number, headers: HttpHeaders) => void;
  /** Called with each piece of the body, as the network brings it. */
  readonly onBytes?: (bytes: number) => void;
}

/** One request and its answer: the handler that undici calls. */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly #request: HttpRequest;
  readonly #options: ExchangeOptions;
  readonly #finished = Promise.withResolvers<void>();
  readonly #onAbort = () => this.#fail(this.#options.signal.reason);
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #controller: Dispatcher.DispatchController | null = null;
  #status = 0;
  #headers: HttpHeaders = {};
  #isOver = false;
  #hasAll = false;
  #silence: NodeJS.Timeout | undefined;
  #limit: NodeJS.Timeout | undefined;

  constructor(request: HttpRequest, options: ExchangeOptions) {
    this.#request = request;
    this.#options = options;
    options.signal.addEventListener("abort", this.#onAbort);
  }

  /** Waiting for a connection, sent over one, or done with it. */
  get state(): "waiting" | "sent" | "over" {
    return this.#isOver ? "over" : this.#controller === null ? "waiting" : "sent";
  }

  /** Resolves when there is an answer, or will never be one; rejects when the signal gave it up. */
  async outcome(): Promise<Outcome> {
    const { signal, maxBytes } = this.#options;
    const isRefusal = () => this.#status !== 0 && (this.#status < 200 || this.#status > 299);
    let isCut = false;
    try {
      await this.#finished.promise.catch((error) => {
        // The status may be enough: what else it said broke off.
        if (!isRefusal()) throw error;
        isCut = error !== ENOUGH;
      });
      const received = Buffer.concat(this.#chunks, this.#bytes);
      const body = await decompress(received, this.#headers, maxBytes).catch((error) => {
        if (!isRefusal()) throw error;
        isCut = true;
        return new Uint8Array();
      });
      const answer = { status: this.#status, headers: this.#headers, body };
      return { kind: "answer", answer: isCut ? { ...answer, isCut } : answer };
    } catch (error) {
      signal.throwIfAborted();
      return {
        kind: "failure",
        error: exchangeError(error, this.#request, this.#hasAll),
        isWritten: this.#controller !== null,
      };
    } finally {
      this.#end();
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#isOver) {
      controller.abort(new Error("given up before it was sent"));
      return;
    }
    const { timeoutMs } = this.#request;
    this.#controller = controller;
    this.#options.onSent?.();
    this.#silence = setTimeout(() => this.#fail(silent(this.#request, this.#status !== 0)), timeoutMs);
    const allMs = timeoutMs * SILENCES_IN_ALL;
    this.#limit = setTimeout(() => this.#fail(tooLong(this.#request, allMs)), allMs);
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: HttpHeaders): void {
    if (status >= 200) {
      this.#status = status;
      this.#headers = headers;
      this.#options.onStart?.(status, headers);
    }
    this.#silence?.refresh();
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    const { maxBytes, onBytes } = this.#options;
    this.#silence?.refresh();
    this.#bytes += chunk.length;
    this.#chunks.push(chunk);
    onBytes?.(chunk.length);
    const isRefusal = this.#status > 299;
    if (isRefusal && this.#bytes >= REFUSAL_BYTES) {
      this.#fail(ENOUGH);
    } else if (this.#bytes > maxBytes) {
      this.#fail(tooLarge(maxBytes, "on the wire"));
    }
  }

  onResponseEnd(): void {
    this.#hasAll = true;
    this.#end();
    this.#finished.resolve();
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#end();
    this.#finished.reject(error);
  }

  #fail(error: unknown): void {
    const reason = error instanceof Error ? error : new Error(String(error));
    this.#end();
    this.#finished.reject(reason);
    this.#controller?.abort(reason);
  }

  #end(): void {
    this.#isOver = true;
    clearTimeout(this.#silence);
    clearTimeout(this.#limit);
    this.#options.signal.removeEventListener("abort", this.#onAbort);
  }
}

function silent({ url, timeoutMs }: HttpRequest, hasBegun: boolean): AmpsyncError {
  const seconds = timeoutMs / 1000;
  const what = hasBegun
    ? `fell silent for ${seconds} s within an answer`
    : `did not answer within ${seconds} s`;
  return new AmpsyncError("SY104", `${url.origin} ${what}`, {
    hint: "Retried automatically. An API that takes longer needs a larger `timeout` in its source.",
  });
}

function tooLong({ url, timeoutMs }: HttpRequest, allMs: number): AmpsyncError {
  return new AmpsyncError("SY104", `${url.origin} took more than ${allMs / 1000} s for one answer`, {
    detail: `That is ${SILENCES_IN_ALL} times the source's timeout, ${timeoutMs / 1000} s.`,
    hint: "Retried automatically. An API that takes longer needs a larger `timeout` in its source, or smaller pages.",
  });
}
