-- Statements that give a table the triggers of the one that it replaces, to be executed once it
-- has that one's name, p_name. For rows that it already has they do not fire.
create or replace function ampsync_private.trigger_steps(
  p_old regclass,
  p_name text
)
  returns table (class_id oid, object_id oid, ddl text)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select 'pg_trigger'::regclass::oid, s.oid, s.ddl
    from (select 1, t.oid, pg_get_triggerdef(t.oid)
            from pg_trigger t
           where t.tgrelid = p_old and not t.tgisinternal
          union all
          select 2, t.oid, format('alter table %s %s trigger %I', p_name,
                                  case t.tgenabled when 'D' then 'disable' when 'R' then 'enable replica'
                                                   else 'enable always' end, t.tgname)
            from pg_trigger t
           where t.tgrelid = p_old and not t.tgisinternal and t.tgenabled <> 'O'
          union all
          select 3, t.oid, format('comment on trigger %I on %s is %L', t.tgname, p_name,
                                  obj_description(t.oid, 'pg_trigger'))
            from pg_trigger t
           where t.tgrelid = p_old and obj_description(t.oid, 'pg_trigger') is not null) s(n, oid, ddl)
   order by s.n;
$$;

comment on function ampsync_private.trigger_steps(regclass, text)
  is 'Statements that give a table the triggers of the one that it replaces.';
