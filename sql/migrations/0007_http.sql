-- HTTP sources: what a source is, how far each chain of its pages is, and the rate limits that all workers share.

alter table ampsync_private.dataset
  add column kind text not null default 'amp',
  add column definition jsonb, -- Of an HTTP source, as it was given.
  add column changed_at timestamptz, -- When the definition last changed: passes that began before it end.
  add constraint dataset_kind_check check (kind in ('amp', 'http') and (kind = 'http') = (definition is not null));

alter table ampsync_private.stream
  add column records bigint not null default 0,
  add column duplicates bigint not null default 0,
  add column run_due timestamptz, -- When the next run begins; null: none is due.
  add column seen_fields text[] not null default '{}', -- Fields without a column that were told already.
  add column ahead timestamptz, -- The latest time in this run that is left out of its mark; null: none is.
  add column ahead_told timestamptz, -- The latest of those that the journal has told of.
  add column truncate_at timestamptz not null default '-infinity', -- Staging is not truncated before.
  drop constraint stream_state_check,
  add constraint stream_state_check check (
    state in ('waiting', 'backfill', 'live', 'retrying', 'reorg_pending', 'resyncing', 'paused', 'failed', 'orphaned',
              'former', 'complete')
  );

create table ampsync_private.part (
  stream_id    bigint not null,
  part_no      bigint not null,
  since        numeric, -- Microseconds, or the integer that the range counts in; so are the next three.
  until        numeric,
  high         numeric, -- The greatest value of the range's field that was stored; it never goes down.
  run_high     numeric, -- That of the run under way, since it last began: where records that are sorted go on.
  position     jsonb, -- What the next request is made from. Null: as a run begins.
  previous     jsonb, -- What the last page with records was asked with.
  position_at  timestamptz,
  run          bigint not null default 1,
  begun_at     timestamptz not null default '-infinity', -- Its run: the horizon of the range is that far.
  pages        bigint not null default 0,
  records      bigint not null default 0,
  empty_pages  integer not null default 0, -- In a row.
  total        bigint, -- How many records there are, as the API last said.
  expiries     integer not null default 0,
  expired_page bigint not null default 0,
  done         boolean not null default false,
  constraint part_pkey primary key (stream_id, part_no),
  constraint part_stream_fkey foreign key (stream_id) references ampsync_private.stream on delete cascade,
  constraint part_range_check check (since < until)
);
comment on table ampsync_private.part
  is 'One chain of pages of an HTTP source: the position that the next request is made from moves with the rows.';

-- Separate from streams: sources share the limit of an API, and all workers take their permits from it.
create table ampsync_private.rate_limit (
  bucket          text not null,
  per_s           integer not null,
  requests        integer, -- Null: known from the answers' headers only.
  declared        integer, -- What a definition says; null: this window is known from headers.
  next_at         timestamptz not null default '-infinity', -- When a paced request, or the next try, may leave.
  remaining       integer, -- The least that was told in this window.
  resets_at       timestamptz,
  is_told         boolean not null default false, -- Whether a prompt answer told resets_at, of this window.
  in_flight       integer not null default 0,
  window_at       timestamptz not null default '-infinity', -- When resets_at was set.
  cleared_at      timestamptz not null default '-infinity', -- When in_flight was set to 0.
  straggling      integer not null default 0, -- Permits from before cleared_at that may arrive in this window.
  straggling_from timestamptz not null default '-infinity',
  blocked_until   timestamptz,
  refusals        integer not null default 0,
  sent            bigint not null default 0,
  refused         bigint not null default 0,
  constraint rate_limit_pkey primary key (bucket, per_s),
  constraint rate_limit_check check (per_s > 0 and requests > 0)
);
comment on table ampsync_private.rate_limit
  is 'The rate limits of APIs: one row per bucket and window, which every permit locks for its own moment.';

-- Of each source that asks for permits, for every one to get its turn.
create table ampsync_private.permit_turn (
  bucket      text not null,
  source      bigint not null, -- Its stream. No foreign key: permits wait for nobody.
  granted_at  timestamptz not null default '-infinity', -- Its last permits.
  waits_until timestamptz not null default '-infinity', -- It got less than it asked for, and asks again by then.
  constraint permit_turn_pkey primary key (bucket, source)
);
comment on table ampsync_private.permit_turn
  is 'Which sources wait for permits of a bucket, and when each last got some.';
alter table ampsync_private.permit_turn set (fillfactor = 25, autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 200, autovacuum_vacuum_cost_delay = 0);

-- What is past by it lies ahead if the clock was set back.
create table ampsync_private.clock (
  only_row boolean not null default true,
  seen_at  timestamptz not null default '-infinity',
  constraint clock_pkey primary key (only_row),
  constraint clock_only_row_check check (only_row)
);
comment on table ampsync_private.clock
  is 'The clock of the database as a supervisor last saw it: one row.';
insert into ampsync_private.clock default values;

-- Finds a record that was set aside before, with the same text.
create index reject_record_idx on ampsync_private.reject (stream_id, md5(row_values::text));

-- Like the other rows that every commit, or every request, updates.
alter table ampsync_private.part set (fillfactor = 25, autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 200, autovacuum_vacuum_cost_delay = 0);
alter table ampsync_private.rate_limit set (fillfactor = 25, autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 200, autovacuum_vacuum_cost_delay = 0);
