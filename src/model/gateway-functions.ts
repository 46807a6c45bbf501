/**
 * What gateways call in the schema `ampsync_worker`, besides workers: functions that run with their owner's rights, since a
 * gateway has none on tables.
 */
export const GATEWAY_CALLS: readonly string[] = [
  "beat_gateway",
  "check_sums",
  "chunk_status",
  "close_session",
  "dataset_standings",
  "end_gateway",
  "ensure_snapshot",
  "fail_shape",
  "gateways_of",
  "large_shapes",
  "load_progress",
  "locked_shapes",
  "log_point",
  "open_session",
  "own_rows",
  "raise_low",
  "read_log",
  "read_shapes",
  "report_sessions",
  "resolve_shapes",
  "settled_by_loads",
  "shape_definitions",
  "shape_rows",
  "snapshot_chunk",
];
