-- The definition of our view of checkpoints in a target schema; null if there is none, or if
-- what has its name is not ours. Asked for that view alone: the definition of another schema's
-- view, which a search by pg_views may read as well, cannot be read while somebody drops it.
create or replace function ampsync_private.checkpoints_definition(
  p_target_schema text
)
  returns text
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_view       oid;
  v_definition text;
begin
  select c.oid into v_view
    from pg_class c
   where c.oid = to_regclass(format('%I._ampsync_checkpoints', p_target_schema))
     and c.relkind = 'v'
     and (pg_get_userbyid(c.relowner) = current_user
          or pg_has_role(c.relowner, 'usage') and ampsync_private.is_shared_writer(c.relowner));
  v_definition := pg_get_viewdef(v_view);
  return case when v_definition ~ 'ampsync[.]checkpoints' then v_definition end;
end;
$$;

comment on function ampsync_private.checkpoints_definition(text)
  is 'The definition of our view of checkpoints in a target schema; null if there is none.';
