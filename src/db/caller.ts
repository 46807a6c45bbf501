import type pg from "pg";

import { type Clean, cleanText } from "../model/foreign-text.ts";
import type { OnRetry, RunStatement, Waiting } from "./retry.ts";

/** Longer than any call works or waits by design, short enough that a dead connection is left within a minute. */
const ANSWER_MS = 30_000;
/** The same on the server, and a little sooner: a call that nobody waits for any more ends there as well. */
export const CALL_TIMEOUT = "25s";

/** How SQL functions are called: with clean text, within a time limit, for as long as somebody waits. */
export class Caller {
  /** What text of others goes through on its way into the database. */
  readonly clean: Clean;
  readonly #run: RunStatement;
  readonly #waiting: Waiting | null;

  constructor(
    run: RunStatement,
    clean: Clean = cleanText,
    waiting: Waiting | null = { signal: new AbortController().signal },
  ) {
    this.clean = clean;
    this.#run = run;
    this.#waiting = waiting;
  }

  /** The same for somebody who waits until the signal only, and wants to know why. */
  until(signal: AbortSignal, onRetry?: OnRetry): Caller {
    return new Caller(this.#run, this.clean, { signal, onRetry });
  }

  /** The same, with each call tried once. */
  once(): Caller {
    return new Caller(this.#run, this.clean, null);
  }

  /** `answerMs` 0: however long it takes. */
  call(text: string, values: readonly unknown[] = [], answerMs = ANSWER_MS): Promise<pg.QueryResult> {
    const clean = values.map((value) => this.#cleaned(value));
    return this.#run({ text, values: clean, query_timeout: answerMs }, this.#waiting);
  }

  /** Failures are full of what others said: a call that tells one must not fail because of its text. */
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
