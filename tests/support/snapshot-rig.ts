import { gunzipSync } from "node:zlib";

import xxhash from "xxhash-wasm";

import { createLog } from "../../src/log.ts";
import { SnapshotMaker, type SnapshotMakerOptions } from "../../src/snapshot/snapshot-maker.ts";
import type { TestDatabase } from "./postgres/database.ts";

/** What ensure_snapshot says of one instance. */
export interface Snapshot {
  readonly key: string;
  readonly small: boolean;
  readonly snapshot: string;
  readonly state: string;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly position: string;
  readonly settled: string;
  readonly visible: string;
  readonly rows: string;
  readonly bytes: string;
  readonly chunks: readonly { n: number; rows: number; bytes: number; xxh64: string }[];
}

export async function snapshotMaker(
  db: Pick<TestDatabase, "url">,
  at?: SnapshotMakerOptions["at"],
): Promise<SnapshotMaker> {
  const { h64Raw } = await xxhash();
  return new SnapshotMaker({ url: db.url, hash: h64Raw, log: createLog("error", () => {}), at });
}

/** The id of a shape. */
export async function shapeId(db: Pick<TestDatabase, "query">, name: string): Promise<number> {
  return (await db.query("select shape_id from ampsync_private.shape where name = $1", [name])).rows[0]![
    "shape_id"
  ];
}

export async function ensureSnapshot(
  db: Pick<TestDatabase, "query">,
  shape: number,
  key = "[]",
  client: string | null = null,
): Promise<Snapshot> {
  const { rows } = await db.query("select ampsync_worker.ensure_snapshot($1, $2, $3) as found", [
    ...[client, shape, [key]],
  ]);
  return rows[0]!["found"][0];
}

/** The chunks of a snapshot as a client gets them, checked. */
export async function fetchChunks(
  db: Pick<TestDatabase, "query">,
  { snapshot, chunks }: Snapshot,
): Promise<Buffer> {
  const { h64Raw } = await xxhash();
  const texts: Buffer[] = [];
  for (const chunk of chunks) {
    const { rows } = await db.query("select status, body from ampsync_worker.snapshot_chunk($1, $2, $3)", [
      ...[snapshot, chunk.n, { sub: "user-1", iat: 4_000_000_000, claims: { sub: "user-1" } }],
    ]);
    if (rows[0]!["status"] !== 200) throw new Error(`chunk ${chunk.n}: ${rows[0]!["status"]}`);
    const text = gunzipSync(rows[0]!["body"]);
    if (text.length !== chunk.bytes || h64Raw(text).toString(16).padStart(16, "0") !== chunk.xxh64) {
      throw new Error(`chunk ${chunk.n} is not what it shall be`);
    }
    texts.push(text);
  }
  return Buffer.concat(texts);
}
