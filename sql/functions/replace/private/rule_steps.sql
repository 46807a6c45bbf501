-- Statements that give a table the rules of the one that it replaces, to be executed once it has
-- that one's name, p_name; and define anew the rules of other tables and views that use it.
create or replace function ampsync_private.rule_steps(
  p_old regclass,
  p_name text
)
  returns table (class_id oid, object_id oid, ddl text)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with used as (
    select r.*
      from pg_rewrite r
     where r.rulename <> '_RETURN'
       and (r.ev_class = p_old
            or r.oid in (select d.object_id
                           from ampsync_private.dependents(p_old) d
                          where d.class_id = 'pg_rewrite'::regclass))
  )
  select 'pg_rewrite'::regclass::oid, s.oid, s.ddl
    from (select 1, r.oid, regexp_replace(pg_get_ruledef(r.oid), '^CREATE RULE', 'CREATE OR REPLACE RULE')
            from used r
          union all
          select 2, r.oid, format('alter table %s %s rule %I', p_name,
                                  case r.ev_enabled when 'D' then 'disable' when 'R' then 'enable replica'
                                                    else 'enable always' end, r.rulename)
            from used r
           where r.ev_class = p_old and r.ev_enabled <> 'O'
          union all
          select 3, r.oid, format('comment on rule %I on %s is %L', r.rulename, p_name,
                                  obj_description(r.oid, 'pg_rewrite'))
            from used r
           where r.ev_class = p_old and obj_description(r.oid, 'pg_rewrite') is not null) s(n, oid, ddl)
   order by s.n;
$$;

comment on function ampsync_private.rule_steps(regclass, text)
  is 'Statements that give a table the rules of the one that it replaces.';
