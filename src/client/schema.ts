/** Of the store: raised where a later release cannot read what an earlier one wrote. */
export const STORE_FORMAT = 1;

/**
 * What ampsync keeps in a client's database, beside the tables themselves. Run at each start: all of it may be there.
 * `state` says where the tables stand: its row is written in the transaction of the rows, or not at all.
 *
 * `move` moves the store on by a frame, and lets its transaction write; it gives no row where the frame does not fit. One
 * fits where its rows begin at the position, and its blocks reach from at or below it to at or above it. Back it goes only
 * to a server that was set back: with a load, or as the first frame of another epoch. A function, since its plans are kept.
 */
export const STORE_SCHEMA = `
create schema if not exists ampsync;
create schema if not exists ampsync_stage;

create table if not exists ampsync.state (
  only_one       boolean primary key default true check (only_one),
  format         integer not null,
  client_id      uuid not null,
  subject        text,
  epoch          uuid,
  position       bigint not null default 0,
  stamp          bigint,
  blocks         bigint not null default 0,
  blocks_stamp   bigint,
  schema_version text,
  phase          text not null default 'new' check (phase in ('new', 'loading', 'live', 'reset')),
  -- Workers of browsers that had the store open, one after the other.
  leader         integer not null default 0
);

create table if not exists ampsync.shape (
  id         text primary key,
  shape      text not null,
  params     jsonb not null,
  definition text,
  table_name text,
  phase      text not null default 'loading' check (phase in ('loading', 'live', 'failed', 'leaving')),
  error      jsonb
);
-- The table that its rows are in: that of the last load, whatever a gateway has said of it since.
alter table ampsync.shape add column if not exists holds text;
update ampsync.shape set holds = table_name where holds is null and phase = 'live';

create table if not exists ampsync.synced (
  table_name   text primary key,
  definition   text not null,
  columns      jsonb not null,
  key          jsonb not null,
  dataset      text,
  block_column text
);

create table if not exists ampsync.staged (
  snapshot_id uuid,
  table_name  text not null,
  n           integer,
  rows        bigint,
  primary key (snapshot_id, n)
);

create table if not exists ampsync.diverged (
  table_name  text primary key,
  at          timestamptz not null,
  stays       boolean not null default false,
  rows        text not null,
  sum         text not null,
  server_rows text not null,
  server_sum  text not null
);

create table if not exists ampsync.dataset (
  dataset    text,
  table_name text,
  block      bigint,
  cut        bigint,
  primary key (dataset, table_name)
);

create table if not exists ampsync.request (
  id     uuid primary key,
  rows   bigint,
  -- A text: jsonb has an order of its own for the columns of a row. Null: it was too large to be kept.
  result text,
  at     timestamptz not null default now()
);
create index if not exists request_at on ampsync.request (at);

create or replace function ampsync.move(
  p_epoch uuid, p_from bigint, p_to bigint, p_stamp bigint, p_low bigint, p_high bigint, p_blocks_stamp bigint,
  p_loads boolean)
returns table (phase text, wal text) language plpgsql as $$
begin
  return query
    update ampsync.state s
       set epoch = p_epoch, position = p_to, stamp = p_stamp, blocks = p_high, blocks_stamp = p_blocks_stamp,
           phase = case when exists (select from ampsync.shape h where h.phase = 'loading') then s.phase else 'live' end
     where s.position = p_from and s.blocks >= p_low
       and (p_loads or s.epoch <> p_epoch or s.position <= p_to and s.blocks <= p_high)
    returning s.phase, (pg_current_wal_insert_lsn() - '0/0')::text;
  if found then
    perform set_config('ampsync.applying', 'on', true);
  end if;
end
$$;

create or replace function ampsync.refuse() returns trigger language plpgsql as $$
begin
  raise exception using
    errcode = 'SY431',
    message = format('table %I.%I is written by its server alone', tg_table_schema, tg_table_name),
    detail  = format('%s of rows that the next frame would undo.', tg_op),
    hint    = 'Write on the server, or into a table of your own.';
end
$$;

create or replace function ampsync.cut(p_dataset text) returns bigint language plpgsql stable as $$
declare
  v_table text;
  v_cut   bigint;
begin
  select s.table_name into v_table
    from ampsync.shape s
    join ampsync.synced t using (table_name)
   where t.dataset = p_dataset and s.phase in ('loading', 'failed')
   order by 1 limit 1;
  if found then
    raise notice 'no cut of %: table % is not complete', p_dataset, v_table;
    return null;
  end if;
  select max(d.cut) into v_cut from ampsync.dataset d where d.dataset = p_dataset;
  return v_cut;
end
$$;
`;

/** Makes a table one that only frames write. */
export function guardOf(table: string): string {
  return `create or replace trigger ampsync_refuse
    before insert or update or delete or truncate on ${table}
    for each statement when (current_setting('ampsync.applying', true) is distinct from 'on')
    execute function ampsync.refuse()`;
}
