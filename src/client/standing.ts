import type { Hello } from "../wire/from-client.ts";
import { readDiverged } from "./compare.ts";
import { type Database, type Reader, read } from "./database.ts";
import { dropStaged } from "./stage-tables.ts";
import { readSubscriptions, type SubscriptionState, type TableFailure, wishOf } from "./subscriptions.ts";

export type Phase = "new" | "loading" | "live" | "reset";

/** What a store holds, as far as servers and users ask for it. Numbers of 64 bits are texts, as on the wire. */
export interface Standing {
  readonly clientId: string;
  readonly epoch: string | null;
  readonly position: string;
  readonly stamp: string | null;
  readonly blocks: string;
  readonly blocksStamp: string | null;
  readonly schemaVersion: string | null;
  readonly phase: Phase;
  readonly subscriptions: readonly SubscriptionState[];
  /** Of a table that differs from its server's although it was loaded for that. */
  readonly diverged: TableFailure | null;
}

export async function readStanding(pg: Database): Promise<Standing> {
  return pg.transaction(async (tx) => {
    const { rows } = await tx.query<Omit<Standing, "subscriptions" | "diverged">>(
      `select client_id as "clientId", epoch, position::text, stamp::text, blocks::text,
              blocks_stamp::text as "blocksStamp", schema_version as "schemaVersion", phase
         from ampsync.state`,
    );
    if (rows[0] === undefined) throw new Error("ampsync.state has no row");
    const subscriptions = await readSubscriptions(tx);
    return { ...rows[0], subscriptions, diverged: await readDiverged(tx) };
  });
}

/** `new` until a gateway has answered; then what is still to come decides. */
export function phaseOf({ phase, subscriptions }: Standing): Phase {
  return phase === "live" && subscriptions.some((one) => one.phase === "loading") ? "loading" : phase;
}

export function failedTables({ subscriptions }: Standing): ReadonlySet<string> {
  const failed = subscriptions.filter(({ phase, error }) => phase === "failed" && error?.code === "SY417");
  return new Set(failed.flatMap(({ table }) => (table === null ? [] : [table])));
}

export function firstFailure({ subscriptions }: Standing): TableFailure | null {
  const failures = [
    ...subscriptions.filter(({ phase }) => phase === "failed"),
    ...subscriptions.filter(({ phase }) => phase !== "failed"),
  ];
  for (const { table, error } of failures) if (error !== null) return { table, error };
  return null;
}

export function helloOf(
  standing: Standing,
  wanted: readonly SubscriptionState[],
  token: string,
  staged: Record<string, number[]>,
): Hello {
  const isNew = standing.epoch === null;
  return {
    t: "hello",
    client: standing.clientId,
    token,
    epoch: standing.epoch,
    position: isNew ? null : standing.position,
    stamp: standing.stamp,
    blocks: isNew ? null : standing.blocks,
    blocks_stamp: standing.blocksStamp,
    schema: standing.schemaVersion,
    supports: null,
    agent: "ampsync/0.2",
    awaiting: [],
    shapes: wanted.map(wishOf),
    staged,
  };
}

/** Returns the new id. */
export async function renameClient(pg: Database): Promise<string> {
  const clientId = crypto.randomUUID();
  await pg.transaction((tx: Reader) => tx.query("update ampsync.state set client_id = $1", [clientId]));
  return clientId;
}

/** Of what came from a server nothing is left, and what was asked for is asked for anew, by another client. */
export async function emptyClient(pg: Database): Promise<string> {
  const clientId = crypto.randomUUID();
  await pg.transaction(async (tx) => {
    await tx.query("select set_config('ampsync.applying', 'on', true)");
    const { rows } = await tx.query<{ name: string }>("select table_name as name from ampsync.synced");
    for (const { name } of rows) await tx.exec(`delete from ${name}`);
    const staged = await tx.query<{ id: string }>("select distinct snapshot_id as id from ampsync.staged");
    for (const { id } of staged.rows) await dropStaged(tx, id);
    await tx.exec(`
      delete from ampsync.dataset;
      delete from ampsync.shape where phase = 'leaving';
      update ampsync.shape set definition = null, holds = null, phase = 'loading', error = null`);
    await tx.query(
      `update ampsync.state
          set client_id = $1, subject = null, epoch = null, position = 0, stamp = null, blocks = 0, blocks_stamp = null,
              schema_version = null, phase = 'new'`,
      [clientId],
    );
  });
  return clientId;
}

/** Bytes of all that the store holds, WAL with it. What a browser estimates counts files that are not yet used. */
export async function bytesOf(pg: Database): Promise<string> {
  const rows = await read<{ bytes: string }>(
    pg,
    "select (pg_database_size(current_database()) + (select sum(size) from pg_ls_waldir()))::text as bytes",
  );
  return rows[0]?.bytes ?? "0";
}
