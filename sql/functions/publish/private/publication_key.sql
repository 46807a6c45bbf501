-- The advisory lock of the session that works on publication and slot.
create or replace function ampsync_private.publication_key()
  returns bigint
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return hashtextextended('ampsync.tend_publication', 0);
end;
$$;

comment on function ampsync_private.publication_key()
  is 'Key of the advisory lock of the session that works on publication and slot.';
