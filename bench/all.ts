/** What docs/performance.md shows: about a quarter of an hour on two cores. */
export const ALL: readonly (readonly string[])[] = [
  ["ingest", "--rows", "2000000", "--baselines", "copy"],
  ["ingest", "--rows", "2000000", "--baselines", "copy", "--microbatch", "10x1000"],
  ["ingest", "--rows", "2000000", "--baselines", "copy", "--tables", "3"],
  ["ingest", "--rows", "3000000", "--baselines", "none", "--tables", "10", "--rounds", "1"],
  ["ingest", "--rows", "1000000", "--baselines", "temp-table"],
  ["growth", "--temp-table"],
  ["head"],
  ["reorg"],
  ["reorg", "--rows", "500000", "--rounds", "15", "--block-index", "none"],
  ["enqueue"],
  ["many"],
  ["failover", "--rounds", "3"],
  ["parallel", "--rows", "2000000", "--rounds", "3"],
  ["http", "--memory-records", "2000000"],
  ["encode"],
];
