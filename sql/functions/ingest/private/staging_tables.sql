-- The staging tables of a stream, page_<stream>_<number>: one in use, that with the greatest number,
-- and older ones that somebody still reads.
create or replace function ampsync_private.staging_tables(
  p_stream_id bigint
)
  returns table (number integer, staging regclass)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select substring(c.relname from '[0-9]+$')::integer, c.oid::regclass
    from pg_class c
   where c.relnamespace = 'ampsync_private'::regnamespace
     and c.relname >= format('page_%s_', p_stream_id)::name -- As a range: every commit asks.
     and c.relname < format('page_%s`', p_stream_id)::name
     and c.relkind = 'r';
$$;

comment on function ampsync_private.staging_tables(bigint)
  is 'The staging tables of a stream: one in use, and older ones that somebody still reads.';
