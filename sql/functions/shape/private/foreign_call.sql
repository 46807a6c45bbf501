-- A function, operator or domain that a view uses and that is code of a role which is not trusted: neither
-- PostgreSQL's own, nor of a superuser or of our own role. Null if there is none.
create or replace function ampsync_private.foreign_call(
  p_view regclass
)
  returns text
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select pg_describe_object(d.refclassid, d.refobjid, 0)
    from pg_rewrite r
    join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
    left join pg_operator o on d.refclassid = 'pg_operator'::regclass and o.oid = d.refobjid
    left join pg_proc p on p.oid = case when o.oid is null then d.refobjid else o.oprcode end
                       and (d.refclassid = 'pg_proc'::regclass or o.oid is not null)
    left join pg_type t on d.refclassid = 'pg_type'::regclass and t.oid = d.refobjid and t.typtype = 'd'
    join pg_roles w on w.oid = coalesce(p.proowner, t.typowner)
   where r.ev_class = p_view
     and not w.rolsuper
     and w.rolname <> current_user
   limit 1;
$$;

comment on function ampsync_private.foreign_call(regclass)
  is 'A function, operator or domain that a view uses and that is code of a role which is not trusted.';
