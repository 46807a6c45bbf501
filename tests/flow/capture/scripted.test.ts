import { expect, test } from "vitest";

import { CaptureSession } from "../../../src/capture/capture-session.ts";
import { captureConnections } from "../../../src/capture/connections.ts";
import type { Frame, Transport } from "../../../src/capture/replication.ts";
import { Paced } from "../../../src/commit/paced.ts";
import { CaptureCalls } from "../../../src/db/capture-calls.ts";
import { NO_FAULTS } from "../../../src/fault-points.ts";
import { createLog } from "../../../src/log.ts";
import { logged, publish } from "../../support/capture/rig.ts";
import { createDatabase } from "../../support/postgres/postgres.ts";

const FAR = 1024n * 1024n * 1024n;
const SILENT = createLog("warn", () => {});

/** What a server sends, whatever is said to it. */
class Script implements Transport {
  readonly lookMs = 0;
  readonly acknowledged: bigint[] = [];
  readonly #frames: readonly Frame[];

  constructor(frames: readonly Frame[]) {
    this.#frames = frames;
  }

  async *frames(): AsyncGenerator<Frame> {
    yield* this.#frames;
  }

  acknowledge(stored: bigint): void {
    this.acknowledged.push(stored);
  }

  leave(): void {}

  async [Symbol.asyncDispose](): Promise<void> {}
}

test("a server that says in the middle of a transaction how far it has read is not told that all before is stored", async () => {
  await using db = await createDatabase();
  await db.query("create table todos (id integer primary key, v text)");
  await publish(db, ["todos"]);
  await db.query("set synchronous_commit = local; insert into todos values (1, 'a'), (2, 'b'), (3, 'c')");
  const { rows } = await db.query(
    `select p.data from ampsync_private.capture c,
            pg_logical_slot_peek_binary_changes(c.slot, null, null, 'proto_version', '1', 'publication_names', 'ampsync') p`,
  );
  await using connections = captureConnections(
    db.url,
    { connectionMs: 60_000, operationMs: 60_000 },
    SILENT,
    () => {},
    (text) => text,
    () => {},
  );
  const calls = new CaptureCalls(connections.caller);
  const { startLsn } = (await calls.beginCapture("scripted"))!;
  const data = rows.map(({ data: bytes }): Frame => ({ kind: "data", walEnd: startLsn, bytes }));
  const half = Math.ceil(data.length / 2);
  const script = new Script([
    ...data.slice(0, half),
    { kind: "keepalive", walEnd: startLsn + FAR },
    ...data.slice(half),
  ]);
  const session = new CaptureSession({
    ...{ replication: script, calls, faults: NO_FAULTS, startLsn },
    notifier: new Paced(async () => false, SILENT),
    capture: await calls.takeCapture("scripted"),
    tables: await calls.capturedTables(),
  });
  await session.run();
  const stored = await db.query("select c.end_lsn - '0/0'::pg_lsn as at from ampsync_private.capture c");
  expect(script.acknowledged.map(String)).toEqual([stored.rows[0]!["at"]]);
  expect((await logged(db)).map(({ key }) => key)).toEqual(['["1"]', '["2"]', '["3"]']);
});
