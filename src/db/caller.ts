import type pg from "pg";

import { type Clean, cleanText } from "../model/foreign-text.ts";
import { unlessAborted } from "../model/unless-aborted.ts";
import type { OnRetry, RunStatement, Waiting } from "./retry.ts";

/** Longer than any call works or waits by design, short enough that a dead connection is given up within a minute. */
const ANSWER_MS = 30_000;
/** The same limit on the server, a little shorter: a call whose caller has given up ends there as well. */
export const CALL_TIMEOUT = "25s";

/** Calls SQL functions: with clean text, within a time limit, and retried while the caller waits. */
export class Caller {
  /** Cleans text from others on its way into the database. */
  readonly clean: Clean;
  readonly #run: RunStatement;
  readonly #waiting: Waiting | null;
  /** When its caller leaves, whatever has been answered by then; null: never. */
  readonly #leaves: AbortSignal | null;

  constructor(
    run: RunStatement,
    clean: Clean = cleanText,
    waiting: Waiting | null = { signal: new AbortController().signal },
    leaves: AbortSignal | null = null,
  ) {
    this.clean = clean;
    this.#run = run;
    this.#waiting = waiting;
    this.#leaves = leaves;
  }

  /** The same calls for a caller that tries again only until the signal aborts, and that is told why a call is retried. */
  until(signal: AbortSignal, onRetry?: OnRetry): Caller {
    return new Caller(this.#run, this.clean, { signal, onRetry }, this.#leaves);
  }

  /** The same calls, each tried only once. */
  once(): Caller {
    return new Caller(this.#run, this.clean, null, this.#leaves);
  }

  /**
   * The same calls for a caller that leaves when the signal aborts: calls reject then, with its reason, also those under way.
   * The database may still do what they ask for.
   */
  leaving(signal: AbortSignal): Caller {
    const leaves = this.#leaves === null ? signal : AbortSignal.any([this.#leaves, signal]);
    return new Caller(this.#run, this.clean, this.#waiting, leaves);
  }

  /** `answerMs` 0: no time limit. */
  async call(text: string, values: readonly unknown[] = [], answerMs = ANSWER_MS): Promise<pg.QueryResult> {
    this.#leaves?.throwIfAborted();
    const clean = values.map((value) => this.#cleaned(value));
    const answer = this.#run({ text, values: clean, query_timeout: answerMs }, this.#waiting);
    return await (this.#leaves === null ? answer : unlessAborted(answer, this.#leaves));
  }

  /** Cleans the text of failures, which comes from others: a call that reports a failure must not fail because of it. */
  #cleaned(value: unknown): unknown {
    if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) {
      return value;
    }
    const members = Object.entries(value).map(([key, member]) => [
      key,
      typeof member === "string" ? this.clean(member) : member,
    ]);
    return Object.fromEntries(members);
  }
}
