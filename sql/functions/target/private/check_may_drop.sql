-- Refuses to drop a table of ours, or to put another in its place, without the rights of its owner,
-- in words of ours. One that is gone is not refused.
create or replace procedure ampsync_private.check_may_drop(
  p_table regclass
)
  language plpgsql
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_owner name;
begin
  select pg_get_userbyid(c.relowner) into v_owner
    from pg_class c
   where c.oid = p_table
     and not pg_has_role(c.relowner, 'usage');
  if found then
    raise exception using
      errcode = '42501',
      message = format('table %s cannot be dropped or replaced: it belongs to %I, whose rights role %I does not have',
                       p_table, v_owner, current_user),
      detail  = 'Nothing was changed.',
      hint    = format('grant %I to %I;', v_owner, current_user);
  end if;
end;
$$;

comment on procedure ampsync_private.check_may_drop(regclass)
  is 'Raise 42501 unless this role has the rights of the owner of a table.';
