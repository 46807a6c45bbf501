import pg from "pg";

const LONGEST_MS = 4_000;

/** Each is asked by itself: an older schema, or none, has not all of it. */
const QUESTIONS: readonly (readonly [what: string, query: string])[] = [
  [
    "clock",
    `select to_jsonb(ampsync_private.now() - clock_timestamp()) as row
      where abs(extract(epoch from ampsync_private.now() - clock_timestamp())) > 1`,
  ],
  [
    "stream",
    `select jsonb_build_object('stream', s.stream_id, 'table', s.target_table, 'state', s.state, 'error', s.error,
              'reason', v.reason, 'hint', v.hint, 'rows', s.row_total, 'attempts', s.attempts, 'next_retry', s.next_retry,
              'deaths', s.deaths, 'epoch', l.epoch, 'holder', l.holder, 'waits_for', l.waits_for,
              'lease_left', l.lease_until - ampsync_private.now(),
              'declined', ampsync_private.now() - l.declined_since) as row
       from ampsync_private.stream s
       join ampsync_private.dataset d using (dataset_id)
       left join ampsync_private.lease l using (stream_id)
       left join ampsync.streams v
         on v.dataset = d.label and v.table_name = s.table_name and s.shadow_of is null
      order by s.stream_id limit 20`,
  ],
  [
    "dataset",
    `select to_jsonb(v) as row
       from (select dataset, state, error_code, waiting_on, hint, next_retry from ampsync.status
              where state is distinct from 'live' limit 10) v`,
  ],
  [
    "job",
    `select jsonb_strip_nulls(jsonb_build_object('id', j.id, 'key', j.key, 'task', t.identifier, 'attempts', j.attempts,
              'due_in', j.run_at - clock_timestamp(), 'locked_by', j.locked_by,
              'locked_for', clock_timestamp() - j.locked_at, 'last_error', j.last_error)) as row
       from graphile_worker._private_jobs j
       join graphile_worker._private_tasks t on t.id = j.task_id
      order by j.id limit 30`,
  ],
  [
    "worker",
    `select jsonb_build_object('id', w.worker_id, 'pid', w.pid, 'slots', w.slots, 'beat', ampsync_private.now() - w.heartbeat_at,
              'lost', w.lost_at is not null, 'connected', ampsync_private.worker_is_connected(w.worker_id)) as row
       from ampsync_private.worker w
      order by w.heartbeat_at desc limit 10`,
  ],
  ["part", "select to_jsonb(p) as row from ampsync_private.part p limit 10"],
  ["limit", "select to_jsonb(r) as row from ampsync.rate_limits r limit 5"],
  ["capture", "select jsonb_strip_nulls(to_jsonb(c)) as row from ampsync.capture c where c.state <> 'off'"],
  [
    "session",
    `select jsonb_strip_nulls(jsonb_build_object('pid', min(a.pid), 'name', a.application_name, 'state', a.state,
              'sessions', nullif(count(*), 1), 'wait', a.wait_event, 'in_transaction', max(clock_timestamp() - a.xact_start),
              'blocked_by', nullif(pg_blocking_pids(min(a.pid)), '{}'), 'query', left(a.query, 120))) as row
       from pg_stat_activity a
      where a.datname = current_database() and a.pid <> pg_backend_pid()
      group by a.application_name, a.state, a.wait_event, left(a.query, 120)
      order by a.application_name, min(a.pid) limit 30`,
  ],
  [
    "event",
    `select jsonb_build_object('event', e.event, 'stream', e.stream_id, 'details', e.details) as row
       from (select * from ampsync_private.event order by event_id desc limit 8) e order by e.event_id`,
  ],
];

/** What a database says about its streams, jobs, workers and sessions; for people. */
export async function situationOf(url: string): Promise<readonly string[]> {
  const client = new pg.Client({
    connectionString: url,
    application_name: "ampsync test",
    connectionTimeoutMillis: LONGEST_MS,
    statement_timeout: 1_000,
  });
  client.on("error", () => {}); // Its server may be the very one that went away.
  try {
    await client.connect();
  } catch (error) {
    return [`database: ${(error as Error).message}`];
  }
  try {
    const lines: string[] = [];
    for (const [what, query] of QUESTIONS) {
      const rows = await client.query(query).then(
        (found) => found.rows,
        (error: Error) => (/does not exist/.test(error.message) ? [] : [{ row: error.message }]),
      );
      lines.push(...rows.map(({ row }) => `${what} ${JSON.stringify(row)}`));
    }
    return lines;
  } finally {
    await client.end();
  }
}
