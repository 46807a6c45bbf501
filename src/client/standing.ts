import type { Hello } from "../wire/from-client.ts";
import { readDiverged } from "./compare.ts";
import { type Database, type Reader, read } from "./database.ts";
import { type Failure, readSubscriptions, type SubscriptionState, wishOf } from "./subscriptions.ts";

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
  readonly diverged: Failure | null;
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

export function firstFailure({ subscriptions }: Standing): Failure | null {
  return subscriptions.find(({ phase }) => phase === "failed")?.error ?? null;
}

export function helloOf(standing: Standing, token: string, staged: Record<string, number[]>): Hello {
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
    shapes: standing.subscriptions.map(wishOf),
    staged,
  };
}

export async function renameClient(pg: Database): Promise<void> {
  await pg.transaction((tx: Reader) =>
    tx.query("update ampsync.state set client_id = $1", [crypto.randomUUID()]),
  );
}

/** Bytes of all that the store holds, WAL with it. What a browser estimates counts files that are not yet used. */
export async function bytesOf(pg: Database): Promise<string> {
  const rows = await read<{ bytes: string }>(
    pg,
    "select (pg_database_size(current_database()) + (select sum(size) from pg_ls_waldir()))::text as bytes",
  );
  return rows[0]?.bytes ?? "0";
}
