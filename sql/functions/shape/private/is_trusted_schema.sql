-- Whether what a name in a schema means today is what it means tomorrow: no role that is not trusted owns the schema or
-- may create in it. Else a function of that name that fits the arguments better could take the place of another.
create or replace function ampsync_private.is_trusted_schema(
  p_schema oid
)
  returns boolean
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select ampsync_private.is_trusted_role(n.nspowner)
         and not exists (select
                           from aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
                          where a.privilege_type = 'CREATE'
                            and (a.grantee = 0 or not ampsync_private.is_trusted_role(a.grantee)))
    from pg_namespace n
   where n.oid = p_schema;
$$;

comment on function ampsync_private.is_trusted_schema(oid)
  is 'Whether nobody but trusted roles decides what names in a schema mean.';
