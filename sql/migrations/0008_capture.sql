-- Change capture: which tables are published, the one ordered log of what changed in them, and how
-- far WAL was read into it. And, empty until clients come, the tables of clients and of schema
-- versions that capture looks into.

alter table ampsync_private.dataset
  add column published     boolean not null default false, -- Tables that come later, too.
  add column publish_tried timestamptz, -- When the table of an HTTP source could not be published,
  add column publish_error jsonb;       -- and why: {"code", "message", "detail", "hint"}.

-- Rows are never deleted: the log and shapes point to them. schema_name, table_name, columns and
-- storage are as at the last log entry, so that a table is called and read as it was where the log
-- stands.
create table ampsync_private.published (
  published_id     integer generated always as identity,
  schema_name      text not null,
  table_name       text not null,
  relation         regclass, -- Null once ended.
  mode             text not null,
  stream_id        bigint, -- Null: mode rows, or ended.
  identity         text, -- Null: mode blocks.
  identity_before  jsonb, -- Replica identities as they were found, by the OIDs of tables that were changed.
  columns          jsonb not null, -- As published_columns gives them.
  storage          jsonb, -- Mode rows: what a look compares (table_storage).
  seen             jsonb, -- A look under way: {"token","at","lsn","found","void"}; void: tokens of former ones.
  migrating        jsonb, -- A migration of the application changed it: {"version","columns"}, until its Relation comes.
  looked_at        timestamptz, -- By look_at_tables.
  reread_lsn       pg_lsn, -- The commit of a transaction that was decoded anew for its form, once.
  state            text not null default 'starting',
  floor            bigint, -- A position: who stands below it loads the table anew. Null until live.
  rebuildable_from bigint, -- table_as_of goes back to here.
  baseline_asked   timestamptz, -- Since when a baseline is to be taken.
  published_lsn    pg_lsn not null,
  since            timestamptz not null,
  put_back         jsonb, -- Ended: {"relation","error","again"} of the table whose identities are to be put back.
  error            jsonb,
  constraint published_pkey primary key (published_id),
  constraint published_relation_key unique (relation),
  constraint published_stream_key unique (stream_id),
  constraint published_stream_fkey foreign key (stream_id) references ampsync_private.stream on delete set null,
  constraint published_mode_check check (mode in ('blocks', 'rows')),
  constraint published_identity_check check (identity in ('full', 'key')),
  constraint published_state_check check (state in ('starting', 'live', 'failed', 'ended'))
);
comment on table ampsync_private.published
  is 'One row per table and publication of it: how its changes come into the log, and as what they are read.';

create table ampsync_private.capture (
  only_one          boolean not null default true,
  mode              text not null default 'stream',
  poll_interval     interval not null default '1 s',
  slot              text not null, -- Named by the database's oid: slots belong to the cluster.
  slot_created_lsn  pg_lsn, -- Its life, with the next two: positions in WAL compare within one life only.
  slot_system       bigint,
  slot_database     oid,
  publication       oid, -- As it was when the slot was made: a slot decodes nothing by a later one.
  phase             text, -- A slot is to be dropped, or to be made. Null: it stays as it is.
  gap_reason        text, -- Why it is made anew.
  wal_limit         bigint default 8589934592, -- Bytes; null: none.
  require_wal_limit boolean not null default false,
  history_retention interval, -- Null: for ever.
  log_floor         bigint not null default 0, -- Nothing at or below it is kept.
  commit_lsn        pg_lsn, -- Of the newest stored transaction, as end_lsn.
  end_lsn           pg_lsn,
  idle_lsn          pg_lsn, -- All below it is in the log, though no transaction ended there.
  large_tx          bigint, -- The transaction that is being stored ahead.
  large_notes       jsonb, -- What commit_capture knows of it: {"rows","last","first","truncated","refused","nulls"}.
  leftover          bigint[] not null default '{}', -- Those of passes that died.
  generation        bigint not null default 0, -- Rises with each pass that takes over.
  tables_stamp      text, -- Of the captured tables as they were told to the pass.
  worker_id         text,
  acquired_at       timestamptz,
  attempts          integer not null default 0,
  next_retry        timestamptz,
  state             text not null default 'off',
  since             timestamptz not null,
  reason            text, -- Why it is not ok, and what to do: as supervise_capture saw it.
  hint              text,
  unused_since      timestamptz, -- Nothing is published in mode rows.
  stored_tx         bigint not null default 0,
  replayed_tx       bigint not null default 0,
  beat_sent_at      timestamptz,
  beat_seen_at      timestamptz,
  beat_token        text, -- Of the newest beat: any role can write messages into WAL.
  received_lsn      pg_lsn,
  received_at       timestamptz,
  look_ms           integer, -- How long a look takes in mode poll; null: not long.
  stored_at         timestamptz,
  sampled_at        timestamptz,
  sampled_tx        bigint,
  sampled_lsn       pg_lsn,
  wal_per_s         real,
  held_by           text, -- What keeps WAL, and a transaction that the slot waits for.
  tx_per_s          real,
  skip_lsn          pg_lsn, -- A transaction to be stored as empty (skip_transaction).
  error             jsonb,
  constraint capture_pkey primary key (only_one),
  constraint capture_only_one_check check (only_one),
  constraint capture_mode_check check (mode in ('stream', 'poll')),
  constraint capture_poll_interval_check check (poll_interval between interval '100 ms' and interval '1 h'),
  constraint capture_wal_limit_check check (wal_limit > 0),
  constraint capture_history_retention_check check (history_retention > interval '0'),
  constraint capture_phase_check check (phase in ('drop', 'make')),
  constraint capture_state_check check (state in ('off', 'starting', 'ok', 'behind', 'failed'))
);
comment on table ampsync_private.capture
  is 'One row: how WAL is read into the log, how far, by whom, and what went wrong.';

create table ampsync_private.log_epoch (
  epoch             uuid not null,
  number            bigint generated always as identity,
  started_at        timestamptz not null,
  system_identifier bigint not null,
  timeline          integer not null,
  database_oid      oid not null,
  server_started_at timestamptz not null,
  forked_at         bigint not null, -- The head as the epoch began: nobody of an older one above it goes on.
  reason            text not null,
  constraint log_epoch_pkey primary key (epoch),
  constraint log_epoch_number_key unique (number)
);
comment on table ampsync_private.log_epoch
  is 'The lives of the log: a restored or promoted server may not have all that was handed out.';

create sequence ampsync_private.position;
comment on sequence ampsync_private.position is 'Positions of the log; taken under the log lock only (take_position).';

create sequence ampsync_private.tx_id;
comment on sequence ampsync_private.tx_id is 'Ids that tie the rows of a captured transaction to its log entry.';

create table ampsync_private.change_tx (
  position       bigint not null,
  kind           text not null,
  tx_id          bigint, -- Its rows in change; null but for kinds rows and baseline.
  lsn            pg_lsn not null, -- Captured: the commit record; own: where its transaction stood, without order.
  xid            xid8 not null, -- Comparable within one cluster only.
  committed_at   timestamptz not null,
  recorded_at    timestamptz not null,
  schema_version text not null, -- 0.0.0 before any migration.
  client_id      uuid, -- These three: from the message ampsync/client.
  client_tx      uuid,
  source         text,
  changes        integer not null,
  bytes          bigint not null,
  details        jsonb, -- Kinds schema, floor, baseline: {"tables","migration","direction","reason"}.
  constraint change_tx_pkey primary key (position),
  constraint change_tx_tx_key unique (tx_id),
  constraint change_tx_kind_check check (kind in ('rows', 'blocks', 'schema', 'floor', 'baseline'))
);
comment on table ampsync_private.change_tx
  is 'The log: one row per transaction that readers may have to know, in the order in which entries commit.';

create index change_tx_xid_idx on ampsync_private.change_tx (xid);
create index change_tx_committed_at_idx on ampsync_private.change_tx (committed_at);
create index change_tx_timestamp_idx on ampsync_private.change_tx ((committed_at at time zone 'UTC'));
create index change_tx_lsn_idx on ampsync_private.change_tx (lsn) where kind = 'rows';
create index change_tx_client_idx on ampsync_private.change_tx ((client_id::text), position)
  where client_id is not null;
create index change_tx_renamed_idx on ampsync_private.change_tx (position)
  where kind = 'schema' and details ? 'renamed';

create table ampsync_private.change (
  tx_id        bigint not null,
  seq          integer not null,
  published_id integer not null,
  operation    text not null,
  key          text, -- The JSON array of the key columns' texts; null: a TRUNCATE.
  data         jsonb, -- Each value: null, or a string with its text form.
  old_data     jsonb,
  metadata     jsonb,
  constraint change_pkey primary key (tx_id, seq),
  constraint change_operation_check check (operation in ('insert', 'update', 'delete', 'truncate')),
  constraint change_key_check check (key is not null or operation = 'truncate')
) partition by range (tx_id);
comment on table ampsync_private.change
  is 'Rows of captured transactions. Nobody reads it but through change_tx: rows without an entry are not there.';

-- By a hash, for keys may be longer than an index takes; readers compare the key as well.
create index change_key_idx on ampsync_private.change (published_id, hashtextextended(key, 0), tx_id);

create table ampsync_private.change_block (
  position     bigint not null,
  published_id integer not null,
  operation    text not null,
  first_block  bigint not null,
  last_block   bigint, -- Null: everything from first_block on.
  rows         bigint not null,
  constraint change_block_pkey primary key (position, published_id),
  constraint change_block_operation_check check (operation in ('append', 'reorg', 'repair', 'resync'))
);
comment on table ampsync_private.change_block
  is 'Dirty ranges of published dataset tables: blocks whose rows may differ; the rows are in the table itself.';

-- From here on: what clients and schema versions will need. Empty until then.

create table ampsync_private.shape (
  shape_id     integer generated always as identity,
  name         text not null,
  published_id integer not null,
  columns      text[],
  bind         jsonb not null,
  filter       text,
  keep_blocks  bigint,
  low          bigint,
  public       boolean not null,
  unindexed    boolean not null,
  rls          text not null,
  definition   text not null, -- Hash of all but low.
  state        text not null default 'live',
  since        timestamptz not null,
  error        jsonb,
  constraint shape_pkey primary key (shape_id),
  constraint shape_name_key unique (name),
  constraint shape_published_fkey foreign key (published_id) references ampsync_private.published,
  constraint shape_rls_check check (rls in ('check', 'ignore'))
);
comment on table ampsync_private.shape
  is 'Parts of published tables that clients may subscribe to.';

create table ampsync_private.client (
  client_id      uuid not null,
  subject        text not null,
  tenant         text,
  agent          text,
  schema_version text,
  phase          text not null default 'new',
  generation     bigint not null default 0,
  epoch          uuid,
  position       bigint,
  blocks         bigint,
  last_seq       bigint not null default 0,
  pending        integer not null default 0,
  error          jsonb,
  store          jsonb,
  first_seen     timestamptz not null,
  seen_at        timestamptz not null,
  constraint client_pkey primary key (client_id),
  constraint client_phase_check check (phase in ('new', 'loading', 'live', 'reset'))
);
comment on table ampsync_private.client
  is 'Clients, and how far each has the log.';

create table ampsync_private.definition_change (
  id   bigint generated always as identity,
  what text not null,
  at   timestamptz not null,
  constraint definition_change_pkey primary key (id)
);
comment on table ampsync_private.definition_change
  is 'That a definition which gateways keep in memory has changed.';

create table ampsync_private.client_tx (
  client_id   uuid not null,
  seq         bigint not null,
  tx          uuid not null,
  received_at timestamptz not null,
  xid         xid8 not null,
  epoch       uuid not null,
  status      text not null,
  sent        jsonb,
  result      jsonb,
  constraint client_tx_pkey primary key (client_id, seq),
  constraint client_tx_tx_key unique (client_id, tx),
  constraint client_tx_status_check check (status in ('applied', 'merged', 'rejected'))
);
comment on table ampsync_private.client_tx
  is 'The ledger of transactions that clients sent.';

create table ampsync_private.schema_version (
  version    text not null,
  ordinal    integer not null,
  migration  text,
  breaking   boolean not null,
  min_client text not null,
  equals     text, -- Of a revert: the version whose tables it restores.
  position   bigint,
  created_at timestamptz not null,
  xid        xid8 not null default pg_current_xact_id(), -- Who wrote it: a message in WAL of another one is none of it.
  constraint schema_version_pkey primary key (version)
);
comment on table ampsync_private.schema_version
  is 'Versions of the application''s schema, in order; found changes have a build number, such as 1.5.0+1.';

create table ampsync_private.migration_statement (
  migration text not null,
  direction text not null,
  n         integer not null,
  touches   jsonb not null,
  constraint migration_statement_pkey primary key (migration, direction, n),
  constraint migration_statement_direction_check check (direction in ('up', 'down'))
);
comment on table ampsync_private.migration_statement
  is 'What each statement of a migration touches.';

create table ampsync.client_migration (
  id            uuid not null,
  migrationname text,
  timestamp     bigint,
  upqueries     jsonb,
  downqueries   jsonb,
  clientapplied boolean default false,
  appliedat     timestamp,
  error         text,
  retrycount    integer default 0,
  constraint client_migration_pkey primary key (id),
  constraint client_migration_name_key unique (migrationname)
);
comment on table ampsync.client_migration
  is 'Migrations that clients apply to their own database.';

-- Helpers that have another result since 0.1.0, or another name.
drop function if exists ampsync_private.exchange_streams(bigint[], boolean, boolean);
drop function if exists ampsync_private.merge_rows(regclass, regclass, text, boolean);
drop function if exists ampsync_private.index_shape(regclass);
drop function if exists ampsync_private.table_holders(regclass);
