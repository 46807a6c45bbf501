-- The staging table of a stream that is in use: that with the greatest number. Null if there is none.
create or replace function ampsync_private.staging_table(
  p_stream_id bigint
)
  returns regclass
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select s.staging
    from ampsync_private.staging_tables(p_stream_id) s
   order by s.number desc
   limit 1;
$$;

comment on function ampsync_private.staging_table(bigint)
  is 'The staging table of a stream that is in use.';
