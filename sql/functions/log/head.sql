-- The newest position of the log in the caller's snapshot. Published dataset tables that are read in the
-- same snapshot are exactly the tables at that position.
create or replace function ampsync.head()
  returns bigint
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select ampsync_private.log_head();
$$;

comment on function ampsync.head()
  is 'The newest position of the log of changes, in the snapshot of the query.';
