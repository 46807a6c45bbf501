-- Refuses a target schema in which the caller of a door may not create tables himself, since the
-- door works with the rights of its owner. Where the schema is missing, or is one that ampsync
-- made for targets, he needs the right to make schemas. Whoever has the rights of the owner of
-- ampsync is not asked: what the owner lacks is found by the worker, with the statement to run.
create or replace procedure ampsync_private.check_may_create(
  p_schema text
)
  language plpgsql
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_caller  name := ampsync_private.caller();
  v_schema  oid := to_regnamespace(quote_ident(p_schema));
  v_is_made boolean := v_schema is null
                       or exists (select from pg_namespace n
                                   where n.oid = v_schema and ampsync_private.is_shared_writer(n.nspowner));
begin
  if pg_has_role(v_caller, (select n.nspowner from pg_namespace n where n.nspname = 'ampsync'), 'usage')
     or v_is_made and has_database_privilege(v_caller, current_database(), 'create')
     or has_schema_privilege(v_caller, v_schema, 'create') then -- Null without a schema.
    return;
  end if;

  raise exception using
    errcode = '42501',
    message = case when v_schema is null
                   then format('role %I may not create schema %I', v_caller, p_schema)
                   else format('role %I may not create tables in schema %I', v_caller, p_schema) end,
    detail  = 'Nothing was changed. A dataset is synced only into a schema in which its caller may create tables.',
    hint    = case when v_is_made
                   then format('grant create on database %I to %I;', current_database(), v_caller)
                   else format('grant create on schema %I to %I;', p_schema, v_caller) end;
end;
$$;

comment on procedure ampsync_private.check_may_create(text)
  is 'Raise 42501 unless the caller of a door may create tables in a target schema.';
