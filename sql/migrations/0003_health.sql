-- What readiness and metrics need beyond the state that streams have anyway. All of it is set by calls that update
-- these rows in any case.

alter table ampsync_private.lease
  add column stalled_since timestamptz, -- Since when heartbeats have seen blocks on the server, and no commit.
  add column takeovers bigint not null default 0;

alter table ampsync_private.stream
  add column reorgs bigint[] not null default '{0,0,0,0}', -- By depth: 1, 2 to 10, 11 to 64, more.
  add constraint stream_reorgs_check check (cardinality(reorgs) = 4);
