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
  errors: string[] = [];

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

  /** One row after the other, each told to the test once it is stored; ends with the page. */
  async writeForEver(writer: string): Promise<void> {
    for (let n = 1; ; n++) {
      try {
        await this.client!.write([
          { sql: "insert into written (writer, n) values ($1, $2)", params: [writer, n] },
          { sql: "insert into twice (writer, n) values ($1, $2)", params: [writer, n] },
        ]);
        await acknowledged(writer, n);
      } catch (error) {
        this.errors.push(String(error));
        return;
      }
    }
  }
}

Object.assign(globalThis, { testPage: new TestPage() });
