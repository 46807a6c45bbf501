-- Statements that give a view which was created again what it had: column defaults, rules,
-- triggers, comments, owner, grants.
create or replace function ampsync_private.view_property_steps(
  p_view regclass
)
  returns table (class_id oid, object_id oid, ddl text)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with steps (n, ddl) as (
    select 1, format('alter view %s alter column %I set default %s', p_view, a.attname, pg_get_expr(d.adbin, d.adrelid))
      from pg_attrdef d
      join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
     where d.adrelid = p_view
    union all
    select 2, pg_get_ruledef(r.oid)
      from pg_rewrite r
     where r.ev_class = p_view and r.rulename <> '_RETURN'
    union all
    select 3, format('comment on rule %I on %s is %L', r.rulename, p_view, obj_description(r.oid, 'pg_rewrite'))
      from pg_rewrite r
     where r.ev_class = p_view and obj_description(r.oid, 'pg_rewrite') is not null
    union all
    select 2, pg_get_triggerdef(t.oid)
      from pg_trigger t
     where t.tgrelid = p_view and not t.tgisinternal
    union all
    select 3, format('comment on trigger %I on %s is %L', t.tgname, p_view, obj_description(t.oid, 'pg_trigger'))
      from pg_trigger t
     where t.tgrelid = p_view and obj_description(t.oid, 'pg_trigger') is not null
    union all
    select 3, format('comment on view %s is %L', p_view, obj_description(p_view, 'pg_class'))
     where obj_description(p_view, 'pg_class') is not null
    union all
    select 3, format('comment on column %s.%I is %L', p_view, a.attname, col_description(p_view, a.attnum))
      from pg_attribute a
     where a.attrelid = p_view and col_description(p_view, a.attnum) is not null
    union all
    select 4, format('alter view %s owner to %I', p_view, pg_get_userbyid(c.relowner))
      from pg_class c
     where c.oid = p_view
    union all
    select 5, format('select ampsync_private.set_grants(%L, %L)', p_view, ampsync_private.grants_of(p_view, '{}'))
  )
  select 'pg_class'::regclass::oid, p_view::oid, s.ddl
    from steps s
   order by s.n;
$$;

comment on function ampsync_private.view_property_steps(regclass)
  is 'Statements that give a view which was created again what it had.';
