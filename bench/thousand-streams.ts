import pg from "pg";

import { type Figures, median, round } from "./figures.ts";
import { Lab } from "./lab/lab.ts";
import type { Report } from "./print.ts";

const TABLES_PER_DATASET = 10;

/** What is periodic, or asked by people, in a database of many streams; `$1` is what a heartbeat reports of all. */
const STATEMENTS: Readonly<Record<string, string>> = {
  bare: "select 1",
  renew_leases: "select * from ampsync_worker.renew_leases('worker-1', $1)",
  find_dead_workers: "select ampsync_worker.find_dead_workers('worker-1', '{}')",
  supervise: "select ampsync_worker.supervise()",
  schedule_supervision: "select ampsync_worker.schedule_supervision()",
  streams: "select * from ampsync.streams",
  streams_of_one: "select * from ampsync.streams where dataset = 'd7@1.0.0'",
  status: "select * from ampsync.status",
  progress: "select * from ampsync.progress",
  jobs: "select * from ampsync.jobs",
  workers: "select * from ampsync.workers",
  checkpoints: "select * from ampsync.checkpoints",
  doctor: "select * from ampsync.doctor()",
  readiness: "select * from ampsync.readiness",
  metrics: "select metric, type, labels, value, help from ampsync.metrics",
};

export interface ThousandStreamsOptions {
  readonly streams: number;
  readonly rounds: number;
}

/**
 * The median time of each statement, all in turns. All streams are live and held by one worker, which reports of each
 * that the server has sent nothing for 40 s.
 */
export async function benchThousandStreams({ streams, rounds }: ThousandStreamsOptions): Promise<Report> {
  await using lab = await Lab.start();
  await using database = await lab.createDatabase();
  const client = new pg.Client({ connectionString: database.url, application_name: "ampsync bench" });
  await client.connect();
  try {
    const leases = await holdStreams(client, streams);
    const times = new Map(Object.keys(STATEMENTS).map((name) => [name, [] as number[]]));
    for (let turn = 0; turn <= rounds; turn++) {
      for (const [name, text] of Object.entries(STATEMENTS)) {
        const start = performance.now();
        await client.query(text, text.includes("$1") ? [leases] : []);
        if (turn > 0) times.get(name)!.push(performance.now() - start); // The first one warms up.
      }
    }
    const figures: Figures = Object.fromEntries(
      [...times].map(([name, measured]) => [`${name}_ms`, round(median(measured), 1)]),
    );
    return { about: { postgres: lab.postgresVersion, streams, rounds }, cases: [figures] };
  } finally {
    await client.end();
  }
}

/** Resolves to what a heartbeat reports. */
async function holdStreams(client: pg.Client, streams: number): Promise<string> {
  for (let dataset = 0; dataset < streams / TABLES_PER_DATASET; dataset++) {
    await client.query("select ampsync.enqueue_sync($1)", [`d${dataset}@1.0.0`]);
  }
  await client.query(
    `select ampsync_worker.register_streams(d.dataset_id, '1.0.0', null, array(
              select 't' || n from generate_series(1, $1) n)::text[])
       from ampsync_private.dataset d`,
    [TABLES_PER_DATASET],
  );
  await client.query("select ampsync_worker.renew_leases('worker-1', '[]')");
  const { rows } = await client.query(
    `select s.stream_id, a.epoch
       from ampsync_private.stream s
      cross join lateral ampsync_worker.acquire_lease(s.stream_id, 'worker-1') a`,
  );
  await client.query(
    `update ampsync_private.stream s
        set state = 'live', network = 'mainnet', origin = 0, checkpoint_block = 1000, checkpoint_hash = sha256(''),
            committed_at = ampsync_private.now(), block_time = ampsync_private.now(), row_total = 1000,
            load_started = ampsync_private.now()`,
  );
  await client.query(
    `update graphile_worker._private_jobs j set locked_at = now(), locked_by = 'worker-1', attempts = 1
      where j.key like 'ampsync_stream:%'`,
  );
  await client.query("vacuum analyze");
  return JSON.stringify(
    rows.map((row) => ({
      stream_id: row["stream_id"],
      epoch: row["epoch"],
      head: "1000",
      network: "mainnet",
      writer_waits_s: null,
      writer_silent: false,
      waits: "server",
      waits_s: 40,
      holds: false,
    })),
  );
}
