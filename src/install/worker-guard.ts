import type pg from "pg";

import { refuseQueue, refuseSetting } from "../model/queue.ts";
import type { QueueSetting } from "./before-migrating.ts";
import { missingFor, readInstalled, readQueueRevision } from "./installed.ts";

/**
 * Whether a worker may begin, or go on: null, or in words what `ampsync migrate` has to do first. Throws SY901
 * and SY902 for errors that waiting does not cure.
 */
export async function missingForWorker(
  client: pg.ClientBase,
  { schema, known }: QueueSetting,
): Promise<string | null> {
  const lacking = await lackingRights(client);
  if (lacking !== null) {
    return lacking;
  }
  const installed = await readInstalled(client);
  const missing = await missingFor(installed);
  if (missing !== null || installed?.queue == null) {
    return missing;
  }
  const refusal = refuseSetting(schema, installed.queue.schema);
  if (refusal !== null) {
    throw refusal;
  }
  const revision = await readQueueRevision(client, schema);
  if (revision === null) {
    return `the queue ${schema} is gone`;
  }
  const unfit = refuseQueue(installed.queue, revision, known);
  if (unfit !== null) {
    throw unfit;
  }
  return null;
}

/** What a role lacks that may not work in this database, in words; null if nothing, or if there is nothing to use. */
async function lackingRights(client: pg.ClientBase): Promise<string | null> {
  const { rows } = await client.query<{ role: string }>(
    `select quote_ident(current_user) as role
       from pg_namespace n
      where n.nspname in ('ampsync_private', 'ampsync_worker') and not has_schema_privilege(n.oid, 'usage')
      limit 1`,
  );
  const role = rows[0]?.role;
  return role === undefined
    ? null
    : `role ${role} may not work in this database until somebody runs: grant ampsync_worker to ${role};`;
}
