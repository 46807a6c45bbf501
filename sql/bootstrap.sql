-- What an installation needs before its first migration. Runs once, on a database without
-- ampsync.
create schema ampsync;
create schema ampsync_worker;
create schema ampsync_private;
comment on schema ampsync is 'Datasets of Amp servers, kept in sync: functions and views for people.';
comment on schema ampsync_worker is 'Functions that the workers of ampsync call; may change with every version.';
comment on schema ampsync_private is 'Tables and helpers of ampsync; may change with every version.';

create table ampsync_private.migration (
  name       text not null,
  sha256     text not null,
  breaking   boolean not null,
  version    text not null,
  applied_at timestamptz not null default clock_timestamp(),
  constraint migration_pkey primary key (name)
);
comment on table ampsync_private.migration is 'Migrations that have run, each once.';

create table ampsync_private.source (
  name         text not null,
  sha256       text not null,
  version      text not null,
  installed_at timestamptz not null default clock_timestamp(),
  constraint source_pkey primary key (name)
);
comment on table ampsync_private.source
  is 'The text that functions (together) and views (each) were last created from.';

create table ampsync_private.queue (
  schema_name text not null,
  is_ours     boolean not null,
  is_current  boolean not null,
  constraint queue_pkey primary key (schema_name)
);
comment on table ampsync_private.queue
  is 'Schemas of graphile-worker that have held our jobs: created by ampsync migrate, or shared with an application.';

create unique index queue_current_key on ampsync_private.queue (is_current) where is_current;
