import { type CaptureDeps, capturePass } from "../../../src/capture/capture-pass.ts";
import { captureConnections } from "../../../src/capture/connections.ts";
import { type FaultPoint, NO_FAULTS } from "../../../src/fault-points.ts";
import { createLog } from "../../../src/log.ts";
import type { TestDatabase } from "../postgres/postgres.ts";
import { tendPublication } from "../postgres/tended.ts";
import { waitFor } from "../wait-for.ts";

/** A change in the log, with the position of its transaction. */
export interface LoggedChange {
  readonly position: bigint;
  readonly table: string;
  readonly operation: string;
  readonly key: string | null;
  readonly data: Readonly<Record<string, string | null>> | null;
  readonly old: Readonly<Record<string, string | null>> | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
}

interface PassOptions extends Partial<Pick<CaptureDeps, "passMs" | "silenceMs">> {
  readonly workerId?: string;
  readonly at?: (point: FaultPoint) => void | Promise<void>;
  /** Where it reads the slot, if not at the database itself. */
  readonly replicationUrl?: string;
  /** Where its calls go, if not to the database itself. */
  readonly callsUrl?: string;
  /** How long its calls are repeated. */
  readonly operationMs?: number;
}

/** A pass of capture in this process; it ends with its disposal. */
export interface RunningPass extends AsyncDisposable {
  readonly ended: Promise<void>;
  readonly lines: readonly string[];
  stop(): Promise<void>;
}

export function startPass(
  db: Pick<TestDatabase, "url">,
  {
    workerId = "test worker",
    at,
    replicationUrl = db.url,
    callsUrl = db.url,
    operationMs = 60_000,
    ...times
  }: PassOptions = {},
): RunningPass {
  const shutdown = new AbortController();
  const lines: string[] = [];
  const log = createLog("debug", (line) => void lines.push(line));
  const limits = { connectionMs: 60_000, operationMs };
  const deps: CaptureDeps = {
    url: replicationUrl,
    log,
    faults: at === undefined ? NO_FAULTS : { reach: at },
    connect: (onRefused) =>
      captureConnections(
        callsUrl,
        limits,
        log,
        () => {},
        (text) => text,
        onRefused,
      ),
    ...times,
  };
  const ended = capturePass(deps, { workerId, shutdown: shutdown.signal });
  ended.catch(() => {}); // Whoever stops it hears of it.
  async function stop(): Promise<void> {
    shutdown.abort();
    await ended;
  }
  return { ended, lines, stop, [Symbol.asyncDispose]: stop };
}

/** Publishes tables that are there, as `ampsync.publish` and its job do. */
export async function publish(
  db: TestDatabase,
  tables: readonly string[],
  identity: "full" | "key" = "full",
): Promise<void> {
  for (const table of tables) {
    await db.query("select ampsync.publish($1::regclass, identity => $2)", [table, identity]);
  }
  await tendPublication(db);
}

/** Whatever was committed before is in the log. */
export async function untilCaptured(db: TestDatabase): Promise<void> {
  const { rows } = await db.query("select pg_current_wal_insert_lsn() as lsn");
  await db.query(
    "select set_config('synchronous_commit', 'local', true), pg_logical_emit_message(true, 'ampsync/mark', '')",
  );
  await waitFor("the log to have it", async () => {
    const { rows: found } = await db.query(
      "select coalesce(greatest(c.end_lsn, c.idle_lsn) >= $1, false) as has from ampsync_private.capture c",
      [rows[0]!["lsn"]],
    );
    return found[0]!["has"];
  });
}

/** The captured part of the log, in order. */
export async function logged(db: TestDatabase): Promise<readonly LoggedChange[]> {
  const { rows } = await db.query(
    `select t.position::text, p.table_name as table, c.operation, c.key, c.data, c.old_data as old, c.metadata
       from ampsync_private.change_tx t
       join ampsync_private.change c on c.tx_id = t.tx_id
       join ampsync_private.published p on p.published_id = c.published_id
      where t.kind = 'rows'
      order by t.position, c.seq`,
  );
  return rows.map((row) => ({ ...(row as LoggedChange), position: BigInt(row["position"]) }));
}
