import type { TestDatabase } from "../postgres/database.ts";

/** What random cases went through. */
export interface VersionCounts {
  switches: number;
  upgrades: number;
  rollbacks: number;
  refusals: number;
  kills: number;
  crashes: number;
}

export function noVersionCounts(): VersionCounts {
  return { switches: 0, upgrades: 0, rollbacks: 0, refusals: 0, kills: 0, crashes: 0 };
}

/** Adds what the journal of a case says. */
export async function countVersions(db: TestDatabase, counts: VersionCounts): Promise<void> {
  const { rows } = await db.query("select e.event, count(*)::int as n from ampsync.events e group by 1");
  const events = new Map(rows.map(({ event, n }) => [event, n]));
  counts.switches += events.get("version_reload_success") ?? 0;
  counts.upgrades += events.get("upgraded") ?? 0;
  counts.rollbacks += events.get("version_rolled_back") ?? 0;
}

/** For people: how everything stands. */
export async function describeVersions(db: TestDatabase): Promise<string> {
  const { rows } = await db.query(
    `select to_jsonb(s)::text as row from ampsync.streams s
     union all select to_jsonb(u)::text from ampsync.upgrades u
     union all select to_jsonb(t)::text from ampsync.status t
     union all select to_jsonb(x)::text from (
       select j.key, j.attempts, j.locked_by, j.run_at - clock_timestamp() as due_in, j.last_error
         from graphile_worker._private_jobs j) x
     union all (select to_jsonb(e)::text from ampsync.events e order by e.event_id desc limit 30)`,
  );
  return rows.map(({ row }) => row).join("\n  ");
}
