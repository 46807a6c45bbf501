-- Statements that give a table the row level security of the one that it replaces, to be executed
-- once it has that one's name, p_name; and define anew the policies of other tables that read it.
create or replace function ampsync_private.policy_steps(
  p_old regclass,
  p_name text
)
  returns table (class_id oid, object_id oid, ddl text)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select 'pg_policy'::regclass::oid, s.oid, s.ddl
    from (select 1, p.oid,
                 format('create policy %I on %s as %s for %s to %s%s%s', p.polname, p_name,
                        case when p.polpermissive then 'permissive' else 'restrictive' end,
                        case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update'
                                      when 'd' then 'delete' else 'all' end,
                        (select string_agg(coalesce(quote_ident(r.rolname), 'public'), ', ' order by r.rolname)
                           from unnest(p.polroles) g(role)
                           left join pg_roles r on r.oid = g.role),
                        ' using (' || pg_get_expr(p.polqual, p.polrelid) || ')',
                        ' with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')')
            from pg_policy p
           where p.polrelid = p_old
          union all
          select 2, p.oid,
                 format('comment on policy %I on %s is %L', p.polname, p_name, obj_description(p.oid, 'pg_policy'))
            from pg_policy p
           where p.polrelid = p_old
             and obj_description(p.oid, 'pg_policy') is not null
          union all
          select 3, p.oid,
                 format('alter policy %I on %s%s%s', p.polname, p.polrelid::regclass,
                        ' using (' || pg_get_expr(p.polqual, p.polrelid) || ')',
                        ' with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')')
            from ampsync_private.dependents(p_old) d
            join pg_policy p on d.class_id = 'pg_policy'::regclass and p.oid = d.object_id
           where p.polrelid <> p_old
          union all
          select 4, p_old::oid,
                 format('alter table %s %s row level security, %s row level security', p_name,
                        case when c.relrowsecurity then 'enable' else 'disable' end,
                        case when c.relforcerowsecurity then 'force' else 'no force' end)
            from pg_class c
           where c.oid = p_old) s(n, oid, ddl)
   order by s.n;
$$;

comment on function ampsync_private.policy_steps(regclass, text)
  is 'Statements that give a table the row level security of the one that it replaces.';
