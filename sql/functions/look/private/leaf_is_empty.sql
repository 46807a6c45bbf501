-- Whether a partition holds no row, in the snapshot of the caller's statement. False where that cannot be seen.
--
-- Locks: ACCESS SHARE on it, for which it waits as long as lock_timeout says.
create or replace function ampsync_private.leaf_is_empty(
  p_leaf oid
)
  returns boolean
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_empty boolean := false;
begin
  if coalesce(has_table_privilege(p_leaf, 'select'), false) and not row_security_active(p_leaf) then
    execute format('select not exists (select from only %s)', p_leaf::regclass) into strict v_is_empty;
  end if;
  return v_is_empty;
end;
$$;

comment on function ampsync_private.leaf_is_empty(oid)
  is 'Whether a partition holds no row; false where that cannot be seen.';
