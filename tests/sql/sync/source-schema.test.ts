import { expect, test } from "vitest";

import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";

const db = rolledBackDatabase();

/** How the SQL of the server names a dataset that was enqueued like this and resolved to this version. */
async function sourceSchema(reference: string, version: string, hasNamespaces: boolean): Promise<string> {
  await db.query("select ampsync.enqueue_sync($1)", [reference]);
  await db.query(
    `select ampsync_worker.register_streams(d.dataset_id, $1, null, '{blocks}', $2) from ampsync_private.dataset d`,
    [version, hasNamespaces],
  );
  const { rows } = await db.query(
    `select l.source_schema
       from ampsync.streams s cross join ampsync_worker.acquire_lease(s.stream_id, 'worker-1') l`,
  );
  return rows[0]!["source_schema"];
}

const HASH = "ab".repeat(32);

test.each([
  ["chain", "1.2.0", true, "_/chain@1.2.0"],
  ["eth/chain@dev", "1.2.0", true, "eth/chain@1.2.0"],
  ["eth/chain@1.2.0", "1.2.0", true, "eth/chain@1.2.0"],
  [`chain@${HASH}`, HASH, true, `_/chain@${HASH}`],
  ["chain", "1.2.0-LTcyNjgzMjc1NA", false, "chain"],
  ["chain@dev", "1.2.0-LTcyNjgzMjc1NA", false, "chain"],
  ["chain@1.2.0", "1.2.0", false, "chain__1_2_0"],
  ["chain@1.2.0", "1.2.0-LTcyNjgzMjc1NA", false, "chain__1_2_0-LTcyNjgzMjc1NA"],
])(
  "generate_query: %s, resolved to %s, namespaces %s, is %s",
  async (reference, version, hasNamespaces, schema) => {
    expect(await sourceSchema(reference, version, hasNamespaces)).toBe(schema);
  },
);
