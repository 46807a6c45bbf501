-- Refuses, in words of ours, to look at the tables of a schema, or to read one of them, without the
-- right to do so. The functions that people call run as the owner of ampsync, who may lack the
-- rights of the role that makes targets.
--
-- p_schema, p_table: what is gone, or null, is not refused.
create or replace function ampsync_private.check_may_read(
  p_schema regnamespace,
  p_table  regclass
)
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_enters boolean := coalesce(has_schema_privilege(p_schema, 'usage'), true);
  v_reads  boolean := coalesce(has_table_privilege(p_table, 'select'), true);
  v_name   text := coalesce('table ' || p_table, 'schema ' || p_schema);
  v_owner  oid;
begin
  if v_enters and v_reads then
    return;
  end if;

  v_owner := coalesce((select c.relowner from pg_class c where c.oid = p_table),
                      (select n.nspowner from pg_namespace n where n.oid = p_schema));
  if ampsync_private.is_shared_writer(v_owner) then
    raise exception using
      errcode = '42501',
      message = format('%s belongs to %I, whose rights role %I does not have', v_name, pg_get_userbyid(v_owner),
                       current_user),
      detail  = 'Nothing was changed.',
      hint    = format('grant %I to %I;', pg_get_userbyid(v_owner), current_user);
  end if;
  raise exception using
    errcode = '42501',
    message = format('%s may not be read by role %I', v_name, current_user),
    detail  = 'Nothing was changed.',
    hint    = concat_ws(' ',
                case when not v_enters then format('grant usage on schema %s to %I;', p_schema, current_user) end,
                case when not v_reads then format('grant select on table %s to %I;', p_table, current_user) end);
end;
$$;

comment on function ampsync_private.check_may_read(regnamespace, regclass)
  is 'Raise 42501 unless this role may enter a schema, and read a table.';
