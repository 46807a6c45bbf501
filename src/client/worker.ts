import type { Extensions } from "@electric-sql/pglite";

import { Candidate } from "./tabs/candidate.ts";
import type { FromWorker, ToWorker } from "./tabs/messages.ts";

interface Scope {
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  postMessage(message: FromWorker): void;
}

export interface WorkerOptions {
  /** Of PGlite: they cannot come from the page. */
  readonly extensions?: Extensions;
}

/**
 * All that a worker of `createClient({ worker })` has to call, at once when it starts. The worker that gets the lock of the
 * store opens it, and serves all tabs.
 */
export function serveTabs({ extensions = {} }: WorkerOptions = {}): void {
  const scope = globalThis as unknown as Scope;
  let candidate: Candidate | null = null;
  scope.addEventListener("message", ({ data }) => {
    const message = data as ToWorker;
    if (message.t === "begin")
      candidate ??= new Candidate(message.place, extensions, (told) => scope.postMessage(told));
    else if (message.t === "joined") candidate?.joined();
    else void candidate?.stop();
  });
}
