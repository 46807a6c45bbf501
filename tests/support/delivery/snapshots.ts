import { setTimeout as pause } from "node:timers/promises";

import type { TestDatabase } from "../postgres/database.ts";
import { snapshotMaker } from "../snapshot-rig.ts";

const PAUSE_MS = 50;

/** Makes snapshots as they are asked for, in this process; ends with its disposal. */
export async function startSnapshots(db: Pick<TestDatabase, "url">): Promise<AsyncDisposable> {
  const maker = await snapshotMaker(db);
  const end = new AbortController();
  const ended = (async () => {
    while (!end.signal.aborted) {
      await maker.makeAll(end.signal);
      await pause(PAUSE_MS);
    }
  })();
  ended.catch(() => {}); // Whoever stops it hears of it.
  return {
    async [Symbol.asyncDispose]() {
      end.abort();
      await ended;
    },
  };
}
