-- What a view uses that is, or may become, code of a role which is not trusted (is_trusted_role): a function or an
-- operator of such a role, or in a schema where such a role decides what names mean; a type whose values are made by
-- such code. Null if there is none.
--
-- Types are those of the whole parsed condition: of constants, results and columns. A column of a domain is one of the
-- type below it: what it holds was checked as it was written.
create or replace function ampsync_private.foreign_call(
  p_view regclass
)
  returns text
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with rule as (
    select r.oid, r.ev_action::text as tree from pg_rewrite r where r.ev_class = p_view
  ), code as (
    select d.refclassid as class, d.refobjid as object, p.proowner as owner,
           coalesce(o.oprnamespace, p.pronamespace) as schema
      from rule r
      join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
      left join pg_operator o on d.refclassid = 'pg_operator'::regclass and o.oid = d.refobjid
      join pg_proc p on p.oid = case when d.refclassid = 'pg_proc'::regclass then d.refobjid else o.oprcode end
  ), type as (
    select distinct case m.found[1] when 'vartype' then ampsync_private.base_type(m.found[2]::oid)
                                    else m.found[2]::oid end as object
      from rule r
     cross join regexp_matches(r.tree, ':([a-z_]*(?:type|typeid|typid)) ([0-9]+)', 'g') m(found)
  )
  select pg_describe_object(f.class, f.object, 0)
    from (select c.class, c.object
            from code c
           where not ampsync_private.is_trusted_role(c.owner)
              or not ampsync_private.is_trusted_schema(c.schema)
          union all
          select 'pg_type'::regclass, t.object
            from type t
           where ampsync_private.is_foreign_type(t.object)) f
   limit 1;
$$;

comment on function ampsync_private.foreign_call(regclass)
  is 'What a view uses that is, or may become, code of a role which is not trusted.';
