-- The grants on a table or view and its columns, in one order, as set_grants takes them. Without
-- those on the columns p_without.
create or replace function ampsync_private.grants_of(
  p_relation regclass,
  p_without name[]
)
  returns jsonb
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_agg(g.entry order by g.entry), '[]')
    from (select jsonb_build_object('column', a.column_name, 'privilege', e.privilege_type,
                                    'grantor', pg_get_userbyid(e.grantor),
                                    'grantee', case when e.grantee <> 0 then pg_get_userbyid(e.grantee) end,
                                    'grantable', e.is_grantable)
            from (select null::name, coalesce(c.relacl, acldefault('r', c.relowner))
                    from pg_class c
                   where c.oid = p_relation
                  union all
                  select a.attname, a.attacl
                    from pg_attribute a
                   where a.attrelid = p_relation
                     and not a.attisdropped
                     and a.attname <> all (p_without)) a(column_name, acl)
           cross join lateral aclexplode(a.acl) e) g(entry);
$$;

comment on function ampsync_private.grants_of(regclass, name[])
  is 'The grants on a table or view and its columns, as jsonb.';
