import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import type { StyleName } from "../../src/devserver/http/styles.ts";

const PROGRAM = fileURLToPath(new URL("api-server-process.ts", import.meta.url));

export interface ServerOptions {
  readonly style: StyleName;
  /** Records at the start. */
  readonly records: number;
  /** Records of a page at most, whatever is asked for. */
  readonly maxPage: number;
}

export interface Order {
  readonly order: "append" | "answered";
}

export type Answer =
  | { readonly order: "start"; readonly url: string }
  | { readonly order: "append" }
  | { readonly order: "answered"; readonly at: readonly number[] };

/** A development API in another process. Orders are answered one after the other. */
export class BenchApi implements AsyncDisposable {
  /** Where the records are. */
  readonly url: string;
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess, url: string) {
    this.#process = process;
    this.url = url;
  }

  static async start(options: ServerOptions): Promise<BenchApi> {
    const child = fork(PROGRAM, [JSON.stringify(options)], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    const started = await answerOf(child);
    if (started.order !== "start") throw new Error(`${started.order} is no answer to start`);
    return new BenchApi(child, started.url);
  }

  get pid(): number {
    return this.#process.pid!;
  }

  /** One more record. */
  async append(): Promise<void> {
    this.#process.send({ order: "append" } satisfies Order);
    await answerOf(this.#process);
  }

  /** When each request came whose answer had records, in milliseconds since 1970. */
  async answered(): Promise<readonly number[]> {
    this.#process.send({ order: "answered" } satisfies Order);
    const answer = await answerOf(this.#process);
    if (answer.order !== "answered") throw new Error(`${answer.order} is no answer to answered`);
    return answer.at;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, "exit");
    this.#process.disconnect();
    await ended;
  }
}

async function answerOf(child: ChildProcess): Promise<Answer> {
  const given = new AbortController();
  const { signal } = given;
  const ended = once(child, "exit", { signal }).then(() => {
    throw new Error("the benchmark's API ended");
  });
  ended.catch(() => {});
  const [answer] = await Promise.race([once(child, "message", { signal }), ended]);
  given.abort();
  return answer;
}
