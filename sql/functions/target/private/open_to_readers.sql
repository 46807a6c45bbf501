-- Lets `ampsync_reader` read a new table or view in a target schema, where that role exists and
-- may read our views. It may look into the schema as well if that is ours to say; the owner of
-- another one decides that himself. Grants that somebody takes back are not made again.
create or replace function ampsync_private.open_to_readers(
  p_relation regclass
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_schema record;
begin
  if not exists (select from pg_roles r
                  where r.rolname = 'ampsync_reader' and has_schema_privilege(r.oid, 'ampsync', 'usage')) then
    return;
  end if;

  execute format('grant select on %s to ampsync_reader', p_relation);
  select n.nspname as name,
         pg_has_role(n.nspowner, 'usage')
           and not has_schema_privilege('ampsync_reader', n.oid, 'usage') as is_closed
    into strict v_schema
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
   where c.oid = p_relation;
  if v_schema.is_closed then
    execute format('grant usage on schema %I to ampsync_reader', v_schema.name);
  end if;
end;
$$;

comment on function ampsync_private.open_to_readers(regclass)
  is 'Let ampsync_reader read a new table or view in a target schema, where that role exists.';
