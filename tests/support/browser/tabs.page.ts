// The page of an application, for tests that open it several times: they call what it puts into `globalThis`.
import type { TabOptions, WorkerLike } from "../../../src/client/api.ts";
import type { Rows } from "../../../src/client/live.ts";
import type { Times } from "../../../src/client/tabs/line.ts";
import { Tab } from "../../../src/client/tabs/tab.ts";

declare const Worker: new (url: string, options: { readonly type: "module" }) => WorkerLike;
/** Of the test: what this tab was told to be done. */
declare const acknowledged: (writer: string, n: number) => Promise<void>;

export class TestPage {
  client: Tab | null = null;
  readonly workers: WorkerLike[] = [];
  readonly seen: Rows[] = [];
  tokens = 0;
  readonly errors: string[] = [];
  #isWriting = true;
  #written: Promise<void> = Promise.resolve();

  async start(options: Pick<TabOptions, "url" | "store" | "shapes">, times: Times): Promise<void> {
    this.client = await Tab.open(
      {
        ...options,
        token: async () => `token ${++this.tokens}`,
        worker: () => {
          const worker = new Worker("/worker.js", { type: "module" });
          this.workers.push(worker);
          return worker;
        },
      },
      times,
    );
  }

  /** One write after the other, each told to the test once it is confirmed. */
  writeForEver(writer: string): void {
    this.#written = this.#write(writer);
  }

  async stopWriting(): Promise<readonly string[]> {
    this.#isWriting = false;
    await this.#written;
    return this.errors;
  }

  async #write(writer: string): Promise<void> {
    try {
      for (let n = 1; this.#isWriting; n++) {
        await this.client!.write([
          { sql: "insert into written (writer, n) values ($1, $2)", params: [writer, n] },
          { sql: "insert into beside (writer, n) values ($1, $2)", params: [writer, n] },
        ]);
        await acknowledged(writer, n);
      }
    } catch (error) {
      this.errors.push(`${writer}: ${error}`);
    }
  }
}

Object.assign(globalThis, { testPage: new TestPage() });
