-- The state of ampsync: datasets, their streams, the lease and the history of each stream,
-- the workers that hold leases, and the journal. An `error` is {"code", "message", "detail", "hint"}.

create table ampsync_private.dataset (
  dataset_id       bigint generated always as identity,
  namespace        text not null default '_',
  name             text not null,
  revision         text,
  label            text not null generated always as (
    case when namespace = '_' then '' else namespace || '/' end || name || coalesce('@' || revision, '')
  ) stored, -- As people write it, without the default namespace.
  tables           text[],
  target_schema    text not null,
  retention_blocks integer not null default 128,
  on_deep_reorg    text not null default 'stop',
  value_policy     text not null default 'fail',
  nul_policy       text not null default 'replace',
  identity         text not null default 'content',
  not_null         boolean not null default true,
  rename           jsonb not null default '{}',
  exclude_columns  jsonb not null default '{}',
  from_block       bigint not null default 0,
  on_new_version   text not null default 'continue',
  block_index      text not null default 'btree',
  indexes          jsonb not null default '{}',
  queries          jsonb not null default '{}', -- Of tables that read more than a table of the dataset.
  poll_interval    interval, -- Null: that of the worker which polls.
  flight_addr      text, -- Null: that of the worker.
  admin_addr       text,
  resolved_version text,
  resolved_hash    text,
  resolved_tables  text[],
  has_namespaces   boolean not null default true,
  offered_version  text, -- The newest version seen that is not followed, and why.
  offered_hash     text,
  offered_declined boolean not null default false,
  offered_attempts integer not null default 0,
  offered_retry    timestamptz,
  offered_error    jsonb,
  quiesce_until    timestamptz,
  poll_due         timestamptz,
  poll_attempts    integer not null default 0,
  poll_error       jsonb,
  state            text not null default 'waiting',
  since            timestamptz not null,
  attempts         integer not null default 0,
  next_retry       timestamptz,
  error            jsonb,
  created_at       timestamptz not null,
  constraint dataset_pkey primary key (dataset_id),
  constraint dataset_name_check check (name ~ '^[a-z_][a-z0-9_]*$'),
  constraint dataset_namespace_check check (namespace ~ '^[a-z0-9_]+$'),
  constraint dataset_retention_check check (retention_blocks >= 64),
  constraint dataset_from_block_check check (from_block >= 0),
  constraint dataset_on_deep_reorg_check check (on_deep_reorg in ('stop', 'resync')),
  constraint dataset_value_policy_check check (value_policy in ('fail', 'null', 'quarantine')),
  constraint dataset_nul_policy_check check (nul_policy in ('replace', 'strip', 'fail')),
  constraint dataset_identity_check check (identity in ('content', 'transaction')),
  constraint dataset_poll_interval_check check (poll_interval between interval '1 s' and interval '1 h'),
  constraint dataset_on_new_version_check check (on_new_version in ('continue', 'resync')),
  constraint dataset_block_index_check check (block_index in ('btree', 'brin', 'none')),
  constraint dataset_flight_addr_check check (flight_addr ~* '^https?://'),
  constraint dataset_admin_addr_check check (admin_addr ~* '^https?://' or admin_addr = 'off'),
  constraint dataset_state_check check (state in ('waiting', 'active', 'paused', 'failed'))
);
comment on table ampsync_private.dataset
  is 'One row per enqueued dataset: which one to follow, how, and what it resolved to.';

-- No revision means "follow the latest": one such sync per dataset, next to any number of fixed ones.
create unique index dataset_reference_key
  on ampsync_private.dataset (namespace, name, coalesce(revision, 'latest'));

create table ampsync_private.stream (
  stream_id        bigint generated always as identity,
  dataset_id       bigint not null,
  table_name       text not null,
  shadow_of        bigint,
  target_schema    text not null,
  target_table     text not null,
  identity         text not null default 'content',
  target           regclass,
  columns          jsonb,
  has_block_num    boolean,
  network          text,
  version          text,
  manifest_hash    text,
  version_since    timestamptz,
  query            text, -- Null: all of the table.
  state            text not null default 'waiting',
  since            timestamptz not null,
  attempts         integer not null default 0,
  next_retry       timestamptz,
  error            jsonb,
  from_block       bigint not null default 0,
  origin           bigint,
  checkpoint_block bigint,
  checkpoint_hash  bytea,
  block_time       timestamptz,
  committed_at     timestamptz,
  load_started     timestamptz,
  load_from        bigint,
  row_total        bigint not null default 0,
  rewrites         bigint not null default 0,
  nul_counts       jsonb not null default '{}',
  nulled_counts    jsonb not null default '{}',
  deaths           integer not null default 0,
  reached_head_at  timestamptz,
  in_cut           boolean not null default true,
  swap_attempts    integer not null default 0,
  swap_retry       timestamptz,
  swap_error       jsonb,
  constraint stream_pkey primary key (stream_id),
  constraint stream_dataset_fkey foreign key (dataset_id) references ampsync_private.dataset,
  constraint stream_shadow_fkey foreign key (shadow_of) references ampsync_private.stream on delete cascade,
  constraint stream_target_key unique (target_schema, target_table),
  constraint stream_state_check check (
    state in ('waiting', 'backfill', 'live', 'retrying', 'reorg_pending', 'resyncing', 'paused', 'failed', 'orphaned',
              'former')
  ),
  constraint stream_identity_check check (identity in ('content', 'transaction')),
  constraint stream_former_check check (state <> 'former' or (shadow_of is not null and target is not null)),
  constraint stream_target_check check (
    (target is null) = (columns is null) and (target is null) = (has_block_num is null)
  ),
  constraint stream_checkpoint_check check (
    (checkpoint_block is null) = (checkpoint_hash is null)
    and octet_length(checkpoint_hash) = 32
    and checkpoint_block >= origin
  )
);
comment on table ampsync_private.stream
  is 'One table of a dataset, synced into one user table, its target; the checkpoint moves with the rows.';

-- A shadow reads the same table of the dataset as the stream whose rows it will replace.
create unique index stream_table_key
  on ampsync_private.stream (dataset_id, table_name) where shadow_of is null;

-- A stream has at most one shadow, and at most one former table: its rows before the last upgrade.
create unique index stream_shadow_key on ampsync_private.stream (shadow_of, (state = 'former'));

create table ampsync_private.upgrade (
  dataset_id    bigint not null,
  version       text,
  manifest_hash text,
  tables        jsonb, -- Null until they are known.
  from_block    bigint, -- Null: as each stream was loaded before.
  started_at    timestamptz not null,
  frozen_at     timestamptz,
  freezes       integer not null default 0,
  attempts      integer not null default 0,
  next_retry    timestamptz,
  error         jsonb,
  constraint upgrade_pkey primary key (dataset_id),
  constraint upgrade_dataset_fkey foreign key (dataset_id) references ampsync_private.dataset on delete cascade,
  constraint upgrade_version_check check (coalesce(version, manifest_hash) is not null)
);
comment on table ampsync_private.upgrade
  is 'The version of a dataset that is built beside the one that is followed, until it replaces all tables at once.';

create table ampsync_private.former (
  dataset_id        bigint not null,
  version           text,
  manifest_hash     text,
  tables            text[] not null,
  new_version       text,
  new_manifest_hash text,
  kept              text not null,
  replaced_at       timestamptz not null,
  next_try          timestamptz,
  constraint former_pkey primary key (dataset_id),
  constraint former_dataset_fkey foreign key (dataset_id) references ampsync_private.dataset on delete cascade,
  constraint former_kept_check check (kept in ('kept', 'merged', 'pruned'))
);
comment on table ampsync_private.former
  is 'The version that the last upgrade of a dataset replaced, and whether its tables can still be brought back.';

-- Each lease of a stream with identity `transaction` takes one value, and with it the 2^32 values of `_tx_id` from
-- there on. It belongs to no table, so that dropping or renaming one never brings a value back.
create sequence ampsync_private.tx_id_seq as bigint increment 4294967296 start 4294967296;
comment on sequence ampsync_private.tx_id_seq
  is 'The first _tx_id of the next lease of a stream with identity transaction.';

-- Tables that an uninstallation kept say which values were taken (release_targets). Above 18 digits there is room left.
select setval('ampsync_private.tx_id_seq', greatest(max(k.bound), 4294967296), false)
  from (select substring(d.description from '_tx_id below (\d{1,18})[.]$')::bigint as bound
          from pg_description d
         where d.classoid = 'pg_class'::regclass
           and d.objsubid = 0
           and starts_with(d.description, 'Was kept in sync by ampsync')) k;

-- Separate from the stream, so that a heartbeat never queues behind a commit.
create table ampsync_private.lease (
  stream_id     bigint not null,
  epoch         bigint not null default 0,
  holder        text,
  acquired_at   timestamptz,
  lease_until   timestamptz,
  holds         boolean not null default false,
  rows_seen     bigint not null default 0,
  seen_at       timestamptz,
  rows_per_s    double precision,
  waits_for     text,
  waits_hint    text,
  declined_since timestamptz, -- Since when workers that hold their share have left it to others.
  version       text,
  manifest_hash text,
  constraint lease_pkey primary key (stream_id),
  constraint lease_stream_fkey foreign key (stream_id) references ampsync_private.stream on delete cascade
);
comment on table ampsync_private.lease
  is 'The right of one worker to write a stream, for a time; each grant raises the epoch and fences off older holders.';

-- Separate from streams as well: a worker knows it for all tables of a dataset, including those that nobody holds.
create table ampsync_private.head (
  dataset_id  bigint not null,
  network     text not null,
  block       bigint not null,
  reported_at timestamptz not null,
  constraint head_pkey primary key (dataset_id, network),
  constraint head_dataset_fkey foreign key (dataset_id) references ampsync_private.dataset on delete cascade
);
comment on table ampsync_private.head
  is 'The last block that the server is known to have, per dataset and network, as heartbeats report it.';

create table ampsync_private.history (
  stream_id   bigint not null,
  first_block bigint not null,
  last_block  bigint not null,
  hash        bytea not null,
  prev_hash   bytea,
  constraint history_pkey primary key (stream_id, last_block),
  constraint history_stream_fkey foreign key (stream_id) references ampsync_private.stream on delete cascade,
  constraint history_range_check check (
    first_block >= 0 and first_block <= last_block and last_block < 281474976710655 -- 2^48 - 1: see block_prefix
  ),
  constraint history_hash_check check (octet_length(hash) = 32 and octet_length(prev_hash) = 32)
);
comment on table ampsync_private.history
  is 'The recent watermarks of each stream, unbroken and chained by hash: the points a reorg can step back to.';

create table ampsync_private.version_history (
  stream_id     bigint not null,
  first_block   bigint not null,
  version       text,
  manifest_hash text,
  started_at    timestamptz not null,
  constraint version_history_pkey primary key (stream_id, first_block),
  constraint version_history_stream_fkey foreign key (stream_id) references ampsync_private.stream on delete cascade,
  constraint version_history_block_check check (first_block >= 0)
);
comment on table ampsync_private.version_history
  is 'Which version of its dataset the rows of a stream come from: each one from its first block up to the next entry.';

create table ampsync_private.ledger (
  stream_id   bigint not null,
  first_block bigint not null,
  last_block  bigint not null,
  row_count   bigint not null,
  id_xor      bigint not null,
  constraint ledger_pkey primary key (stream_id, last_block),
  constraint ledger_stream_fkey foreign key (stream_id) references ampsync_private.stream on delete cascade,
  constraint ledger_range_check check (first_block >= 0 and first_block <= last_block and row_count >= 0)
);
comment on table ampsync_private.ledger
  is 'What each range of blocks must hold: the number of its rows and the xor of the last 8 bytes of their _id.';

-- Each commit looks for the newest range that must have rows, which may be far back.
create index ledger_filled_idx on ampsync_private.ledger (stream_id, last_block) where row_count > 0;

create table ampsync_private.repair (
  stream_id    bigint not null,
  first_block  bigint not null,
  last_block   bigint not null,
  requested_at timestamptz not null,
  due_at       timestamptz not null,
  error        jsonb,
  rows_before  bigint,
  accept_fewer boolean not null default false,
  constraint repair_pkey primary key (stream_id, first_block),
  constraint repair_stream_fkey foreign key (stream_id) references ampsync_private.stream on delete cascade,
  constraint repair_range_check check (first_block >= 0 and first_block <= last_block)
);
comment on table ampsync_private.repair
  is 'Ranges of blocks that the next pass of a stream fetches again.';

create table ampsync_private.target_index (
  stream_id   bigint not null,
  method      text not null,
  columns     text[] not null,
  options     smallint[] not null, -- Of each column, as in pg_index: 1 descending, 2 nulls first.
  position    integer not null,
  index_name  text,
  index_id    oid,
  builder_pid integer,
  state       text not null default 'waiting',
  since       timestamptz not null,
  attempts    integer not null default 0,
  next_retry  timestamptz,
  error       jsonb,
  constraint target_index_pkey primary key (stream_id, method, columns, options),
  constraint target_index_stream_fkey foreign key (stream_id) references ampsync_private.stream on delete cascade,
  constraint target_index_method_check check (method in ('btree', 'brin')),
  constraint target_index_columns_check check (cardinality(columns) = cardinality(options)),
  constraint target_index_state_check check (state in ('waiting', 'building', 'valid', 'failed')),
  constraint target_index_valid_check check ((state = 'valid') = (index_id is not null))
);
comment on table ampsync_private.target_index
  is 'The indexes that a target shall have beside its primary key, and what became of each.';

create table ampsync_private.reject (
  reject_id   bigint generated always as identity,
  stream_id   bigint not null,
  block       bigint not null,
  row_number  bigint not null,
  column_name text,
  sqlstate    text not null,
  reason      text not null,
  row_values  jsonb,
  rejected_at timestamptz not null,
  constraint reject_pkey primary key (reject_id),
  constraint reject_stream_fkey foreign key (stream_id) references ampsync_private.stream on delete cascade
);
comment on table ampsync_private.reject
  is 'Rows that PostgreSQL cannot hold, set aside by value_policy quarantine.';

-- A reorg also removes the quarantined rows of its blocks.
create index reject_stream_block_idx on ampsync_private.reject (stream_id, block);

create table ampsync_private.answer (
  answer_id      bigint generated always as identity,
  namespace      text not null,
  name           text not null,
  revision       text,
  asked_at       timestamptz,
  answered_at    timestamptz,
  version        text,
  manifest_hash  text,
  has_namespaces boolean,
  tables         jsonb,
  head           bigint,
  error          jsonb,
  constraint answer_pkey primary key (answer_id)
);
comment on table ampsync_private.answer
  is 'What the Amp server last said that a dataset has, for ampsync.explain_sync.';
create unique index answer_reference_key
  on ampsync_private.answer (namespace, name, coalesce(revision, 'latest'));

create table ampsync_private.worker (
  worker_id    text not null,
  started_at   timestamptz not null,
  heartbeat_at timestamptz not null,
  had_lock     boolean not null default false, -- Its heartbeat session has held its lock: now a free lock means death.
  lost_at      timestamptz, -- When its lock was found free, twice in a row.
  host         text,
  pid          integer,
  version      text,
  slots        integer,
  constraint worker_pkey primary key (worker_id)
);
comment on table ampsync_private.worker
  is 'The graphile-worker pools that run our tasks, with their last heartbeat.';

create table ampsync_private.event (
  event_id   bigint generated always as identity,
  at         timestamptz not null,
  event      text not null,
  dataset    text,
  table_name text,
  stream_id  bigint,
  details    jsonb not null,
  constraint event_pkey primary key (event_id)
);
comment on table ampsync_private.event
  is 'The journal: reorgs, takeovers, errors and state changes, in order.';

-- Pruning looks for the oldest events, and for a later one of the same stream.
create index event_at_idx on ampsync_private.event (at);
create index event_stream_idx on ampsync_private.event (stream_id, event_id);

create table ampsync_private.retention (
  only_row   boolean not null default true,
  event_age  interval not null default interval '30 days',
  event_rows bigint not null default 1000000,
  former_age interval not null default interval '7 days',
  constraint retention_pkey primary key (only_row),
  constraint retention_only_row_check check (only_row),
  constraint retention_event_age_check check (event_age >= interval '1 day'),
  constraint retention_event_rows_check check (event_rows >= 10000),
  constraint retention_former_age_check check (former_age >= interval '0')
);
comment on table ampsync_private.retention
  is 'How long events and former tables are kept, and how many events: one row, changed by ampsync.set_retention.';
insert into ampsync_private.retention default values;

-- Rows that every commit or heartbeat updates. Free space next to each holds its next version, so that updates stay
-- heap-only and reads prune the old versions; vacuum runs as soon as an old snapshot no longer prevents it.
alter table ampsync_private.stream set (fillfactor = 25, autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 200, autovacuum_vacuum_cost_delay = 0);
alter table ampsync_private.lease set (fillfactor = 25, autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 200, autovacuum_vacuum_cost_delay = 0);
alter table ampsync_private.head set (fillfactor = 25, autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 200, autovacuum_vacuum_cost_delay = 0);
alter table ampsync_private.worker set (fillfactor = 25, autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 200, autovacuum_vacuum_cost_delay = 0);

-- Every commit inserts a row and deletes one.
alter table ampsync_private.history set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
alter table ampsync_private.ledger set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000,
  autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
