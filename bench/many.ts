import { type Figures, median, round } from "./figures.ts";
import { type HeadOptions, type HeadScene, measureHead } from "./head.ts";
import { type Database, Lab } from "./lab/lab.ts";
import { connectionsTo } from "./lab/process-figures.ts";
import type { Report } from "./print.ts";

const LOOKS = 10;

/** Many live streams: what they cost, who has them, and how long what looks at all of them takes. */
export async function benchMany(options: HeadOptions): Promise<Report> {
  await using lab = await Lab.start({ track_functions: "pl" });
  return await measureHead(lab, options, look);
}

async function look({ database, amp }: HeadScene): Promise<Figures> {
  const held = await database.query(
    "select count(*)::int as streams from ampsync_private.lease where holder is not null group by holder order by 1",
  );
  const [sessions] = await database.query(
    "select count(*)::int as count from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
  );
  return {
    database_connections: sessions!["count"],
    flight_connections: connectionsTo(Number(new URL(amp.addresses.flightAddress).port)),
    streams_per_worker: held.map(({ streams }) => streams),
    streams_view_ms: await medianMs(database, "select * from ampsync.streams"),
    renew_leases_ms: await renewLeasesMs(database),
  };
}

async function medianMs(database: Database, query: string): Promise<number> {
  const ms: number[] = [];
  for (let i = 0; i < LOOKS; i++) {
    const start = performance.now();
    await database.query(query);
    ms.push(performance.now() - start);
  }
  return round(median(ms), 1);
}

/** The mean of all heartbeats so far. */
async function renewLeasesMs(database: Database): Promise<number> {
  const [beats] = await database.query(
    "select total_time / calls as ms from pg_stat_user_functions where funcname = 'renew_leases'",
  );
  return round(beats?.["ms"] ?? Number.NaN, 2);
}
