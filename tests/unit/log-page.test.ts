import { globSync, readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { LOG_PARTS, targetOf } from "../../src/model/log-levels.ts";

const ROOT = new URL("../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, ROOT), "utf8");
const page = read("docs/log.md");

/** A call of a log: its level, and what says the event. */
const CALL =
  /(?:\b\w*[lL]og|\blines|\.part\("\w+"\))\s*\.(error|warn|info|debug)\(\s*((?:[^,()]|\n)+?)\s*[,)]/g;

/** What is no literal, by its text: the events that it stands for. */
const CHOSEN: Readonly<Record<string, readonly string[]>> = {
  "`${backoff.name}_retry`": ["db_connection_retry", "db_operation_retry"],
  "`${backoff.name}_circuit_breaker_triggered`": [
    "db_connection_circuit_breaker_triggered",
    "db_operation_circuit_breaker_triggered",
  ],
  "src/install/lock-conflict.ts: event": ["migrate_retry", "uninstall_retry"],
  "src/queue/plugin.ts: event": ["worker_gets_no_jobs", "worker_does_not_fit"],
};

/** Events that an SQL function returns, to be logged by the task that called it. */
const RETURNED: Readonly<Record<string, readonly string[]>> = {
  "src/tasks/ampsync_poll.ts: event info": ["new_version_detected"],
  "src/tasks/ampsync_poll.ts: event debug": ["version_unchanged"],
  "src/tasks/ampsync_resolve.ts: event info": ["version_polling_initialized", "version_polling_disabled"],
  "src/tasks/ampsync_resolve.ts: event warn": [
    "dataset_not_found_waiting_for_publish",
    "waiting_for_dataset",
    "still_waiting_for_dataset",
    "dataset_failed",
  ],
};

/** `event level`, of all calls in the source. */
function logged(): string[] {
  const found = globSync("src/**/*.ts", { cwd: ROOT })
    .filter((path) => !/^src\/(cli\/demo|devserver|log\.ts)/.test(path))
    .flatMap((path) =>
      [...read(path).matchAll(CALL)].flatMap(([, level = "", told = ""]) =>
        eventsOf(path, level, told).map((event) => `${event} ${level}`),
      ),
    );
  return [...new Set(found)].sort();
}

function eventsOf(path: string, level: string, told: string): readonly string[] {
  const literals = [...told.matchAll(/"(\w+)"/g)].map(([, name = ""]) => name);
  const events =
    RETURNED[`${path}: ${told} ${level}`] ?? CHOSEN[told] ?? CHOSEN[`${path}: ${told}`] ?? literals;
  expect(events, `${path} logs ${told}, which no test knows`).not.toEqual([]);
  return events;
}

function rowsOf(title: string): string[][] {
  const [, section = ""] = page.split(`\n## ${title}\n`);
  const [table = ""] = section.split("\n## ");
  return [...table.matchAll(/^\| (`.*)\|$/gm)].map(([, row = ""]) =>
    row.split(" | ").map((cell) => cell.trim()),
  );
}

const namesIn = (cell = "") => [...cell.matchAll(/`([\w:]+)`/g)].map(([, name = ""]) => name);

/** `event level`, of the page: one level for all events of a row, or one for each. */
function documented(): string[] {
  return rowsOf("Events").flatMap(([names, levels = ""]) =>
    namesIn(names).flatMap((event, i) => {
      const each = levels.split(", ");
      return (each.length === 1 ? each[0]! : each[i]!).split(" or ").map((level) => `${event} ${level}`);
    }),
  );
}

test("docs/log.md has every event with its level, and no other", () => {
  const lines = documented().filter((line) => !line.startsWith("graphile_worker "));
  expect(lines.length).toBeGreaterThan(70);
  expect(lines.sort()).toEqual(logged().filter((line) => !line.startsWith("graphile_worker ")));
});

test("docs/log.md has every part of the program", () => {
  const targets = rowsOf("Levels").flatMap(([name]) => namesIn(name));
  expect(targets).toEqual(["ampsync", ...LOG_PARTS.map(targetOf)]);
  const used = rowsOf("Events").flatMap(([, , cell]) => namesIn(cell));
  expect([...new Set(used)].filter((target) => !targets.includes(target))).toEqual([]);
});

test("what an SQL function returns as an event is what that function has", () => {
  const sql = ["sync/register_streams", "sync/defer_resolve", "version/note_version"]
    .map((name) => read(`sql/functions/${name}.sql`))
    .join("\n");
  for (const event of Object.values(RETURNED).flat()) expect(sql).toContain(`'${event}'`);
});

test("no event that is said to be never written is written, nor any twice", () => {
  const struck = rowsOf("Events of the Rust ampsync").flatMap(([names]) => namesIn(names));
  expect(struck.length).toBeGreaterThan(25);
  expect(new Set(struck).size).toBe(struck.length);
  const written = new Set(logged().map((line) => line.split(" ")[0]));
  const journal = namesIn(read("docs/operations.md").split("\n### Events\n")[1]?.split("\n\n| log |")[0]);
  expect(struck.filter((event) => written.has(event) || journal.includes(event))).toEqual([]);
});

/** The contract of the programs that came before: every name is written, in the journal, or struck with a reason. */
test("no name of the Rust ampsync is forgotten", () => {
  const rust = `manifest_loaded nozzle_server_connected checkpoint_tracking_initialized starting_dataset_sync
    version_polling_initialized version_polling_disabled new_version_detected version_change_detected
    version_reload_success version_reload_failed version_poll_failed version_unchanged version_resolved
    fetching_schema dataset_not_found_waiting_for_publish waiting_for_dataset still_waiting_for_dataset
    creating_table table_created creating_block_num_index index_created checking_schema_evolution
    schema_evolution_detected adding_column column_added no_schema_changes resuming_from_watermark
    starting_from_beginning executing_streaming_query retrieved_schema_from_stream stream_started stream_ended
    stream_error stream_creation_failed retrying_stream_creation max_retries_reached batch_received batch_inserted
    batch_insert_failed processing_batch_chunks chunk_processed batch_processing_complete batch_performance_recorded
    batch_size_reduced_due_to_errors incremental_checkpoint_updated watermark_received watermark_saved
    watermark_save_failed invalid_watermark_hash_size reorg_detected handling_reorg reorg_rows_deleted
    reorg_no_rows_deleted reorg_handled reorg_handling_failed invalidating_batches_before_reconnect
    batches_invalidated_for_reconnect no_batches_to_invalidate db_connection_retry
    db_connection_circuit_breaker_triggered db_operation_retry db_operation_circuit_breaker_triggered
    shutdown_signal_received shutting_down_streams streams_shutdown_complete graceful_shutdown_timeout
    shutdown_complete lease_acquired lease_lost reorg_pending deep_reorg_resync resume_ignored protocol_error
    value_error nul_replaced row_quarantined identity_collision column_widened table_orphaned table_adopted
    sql_sanitised auth_failed job_recreated`.split(/\s+/);
  const known = new Set([...namesIn(page), ...namesIn(read("docs/operations.md"))]);
  expect(rust.filter((event) => !known.has(event))).toEqual([]);
});
