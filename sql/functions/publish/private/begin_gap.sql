-- Stores that our slot cannot be used any more, and why: from here on it is dropped and made anew.
-- It gets the name of this database, which may be the copy of another one.
--
-- Locks: the row of capture.
create or replace function ampsync_private.begin_gap(
  p_reason text
)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  update ampsync_private.capture c
     set phase      = 'drop',
         gap_reason = p_reason,
         slot       = 'ampsync_' || (select d.oid from pg_database d where d.datname = current_database());
$$;

comment on function ampsync_private.begin_gap(text)
  is 'Store that our slot cannot be used any more, and why.';
