-- How long stalled_since stands without being seen again.
alter table ampsync_private.lease
  add column stalled_until timestamptz;
