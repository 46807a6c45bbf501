-- Captured tables that are to go live.
create or replace function ampsync_private.starting_tables()
  returns integer[]
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select array(select p.published_id
                 from ampsync_private.published p
                where p.mode = 'rows' and p.state = 'starting');
$$;

comment on function ampsync_private.starting_tables()
  is 'Captured tables that are to go live.';
