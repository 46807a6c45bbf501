-- Delivery to clients: what shapes are besides their definition, and the sessions, gateways and snapshots of clients.

alter table ampsync_private.shape
  add column filter_columns text[], -- Those that the filter reads; null: no filter.
  add column uses jsonb not null default '{}', -- As they were: {column of bind, filter or columns: {"type", "typmod"}}.
  add column renewed integer not null default 0, -- How often clients had to load it anew while it stayed as it is.
  add column made_at bigint not null default 0; -- The head as it was made: older rows are not what it was made for.
alter table ampsync_private.shape
  add constraint shape_state_check check (state in ('live', 'failed')),
  add constraint shape_error_check check ((state = 'failed') = (error is not null)),
  add constraint shape_keep_check check (keep_blocks > 0);

create index shape_published_idx on ampsync_private.shape (published_id);

alter table ampsync_private.client
  add column loaded jsonb not null default '{}'; -- {"schema.table": when it was last loaded for its size}.

create table ampsync_private.session (
  client_id    uuid not null,
  generation   bigint not null, -- The client's, as the opening of this session raised it.
  gateway_id   uuid not null,
  connected_at timestamptz not null,
  seen_at      timestamptz not null,
  shapes       jsonb not null,
  subject      text,
  tenant       text,
  iat          timestamptz, -- Of its token.
  phase        text,
  sent         bigint,
  acked        bigint,
  buffered     bigint not null default 0,
  unacked      bigint not null default 0,
  frames       bigint not null default 0,
  bytes        bigint not null default 0,
  rate         bigint, -- Bytes a second between the last two heartbeats.
  constraint session_pkey primary key (client_id),
  constraint session_client_fkey foreign key (client_id) references ampsync_private.client on delete cascade
);
comment on table ampsync_private.session
  is 'Connections of clients: at most one of each.';

create index session_gateway_idx on ampsync_private.session (gateway_id);

create table ampsync_private.gateway (
  gateway_id   uuid not null,
  address      text,
  version      text,
  tenants      text[], -- Null: all.
  started_at   timestamptz,
  heartbeat_at timestamptz,
  clients      integer,
  capacity     integer,
  constraint gateway_pkey primary key (gateway_id)
);
comment on table ampsync_private.gateway
  is 'Processes that talk to clients.';

create table ampsync_private.snapshot (
  snapshot_id    uuid not null,
  shape_id       integer not null,
  key            text not null, -- Of the instance.
  definition     text not null, -- Of the shape.
  client_id      uuid, -- Who asked first: for the turn.
  epoch          uuid,
  position       bigint,
  stamp          bigint, -- recorded_at of the entry at the position, in microseconds.
  lsn            pg_lsn,
  settled        bigint, -- A position: what the snapshot sees is in the log up to here. Null until its rows are read.
  visible        pg_snapshot,
  schema_version text,
  state          text not null default 'queued',
  chunks         integer,
  rows           bigint,
  bytes          bigint,
  checksum       text,
  statistics     jsonb, -- {"rows", "bytes", "first_key", "last_key"}.
  created_at     timestamptz not null,
  used_at        timestamptz,
  expires_at     timestamptz, -- Null until ready.
  tenant         text, -- Of that client.
  form           text, -- Of its table, as client_tables has it: the columns of its chunks. Null until taken.
  attempt        integer not null default 0,
  taken_at       timestamptz, -- By a job.
  since          bigint, -- The lowest position whose entry it may not hold.
  expected       bigint, -- Rows, as the planner thought when it was asked for; null: nobody asked the planner.
  error          jsonb,
  constraint snapshot_pkey primary key (snapshot_id),
  constraint snapshot_state_check check (state in ('queued', 'building', 'ready', 'failed')),
  constraint snapshot_begun_check check (
    state in ('queued', 'failed') or num_nulls(epoch, position, lsn, schema_version) = 0
  )
);
comment on table ampsync_private.snapshot
  is 'What an instance of a shape held at a position, for clients that load it.';

create index snapshot_instance_idx on ampsync_private.snapshot (shape_id, md5(key));
create index snapshot_state_idx on ampsync_private.snapshot (state);

create unlogged table ampsync_private.snapshot_chunk (
  snapshot_id uuid not null,
  n           integer not null,
  rows        integer not null,
  bytes       integer not null, -- These two of the text before it was compressed.
  xxh64       text not null,
  body        bytea not null, -- gzip.
  constraint snapshot_chunk_pkey primary key (snapshot_id, n)
);
alter table ampsync_private.snapshot_chunk alter column body set storage external; -- Compressed already.
comment on table ampsync_private.snapshot_chunk
  is 'The rows of snapshots. Unlogged: a crash of PostgreSQL empties it, and the snapshots are made again.';

create table ampsync_private.tenant_limit (
  tenant      text not null,
  clients     integer,
  bytes_per_s bigint,
  tx_per_s    integer,
  constraint tenant_limit_pkey primary key (tenant),
  constraint tenant_limit_check check (clients >= 0 and bytes_per_s > 0 and tx_per_s > 0)
);
comment on table ampsync_private.tenant_limit
  is 'What clients of a tenant may use; null: no limit.';

create table ampsync_private.revoked (
  subject text not null,
  at      timestamptz not null,
  reason  text,
  constraint revoked_pkey primary key (subject)
);
comment on table ampsync_private.revoked
  is 'Subjects whose tokens from before some time are refused.';

create index client_tenant_idx on ampsync_private.client (tenant) where tenant is not null;

-- What gateways ask for in each step, among entries of rows and blocks.
create index change_tx_tables_idx on ampsync_private.change_tx (position) where kind in ('schema', 'floor');
