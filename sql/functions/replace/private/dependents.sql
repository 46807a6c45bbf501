-- What depends on a table or view, as the catalogue knows it, and through which of its columns:
-- views, rules, policies, constraints, indexes, triggers, defaults, functions, statistics,
-- publications. by_type: through its row type, which no other table has.
create or replace function ampsync_private.dependents(
  p_relation regclass
)
  returns table (class_id oid, object_id oid, object_sub_id integer, columns name[], by_type boolean)
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  return query
    select d.classid, d.objid, d.objsubid,
           coalesce(array_agg(distinct a.attname) filter (where a.attname is not null), '{}'),
           bool_or(d.refclassid = 'pg_type'::regclass)
      from pg_class c
      left join pg_type t on t.oid = c.reltype
      join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid
                       or d.refclassid = 'pg_type'::regclass and d.refobjid in (t.oid, t.typarray)
      left join pg_attribute a on d.refclassid = 'pg_class'::regclass and a.attrelid = c.oid
                              and a.attnum = d.refobjsubid and d.refobjsubid > 0
     where c.oid = p_relation
       and not (d.classid = 'pg_type'::regclass and d.objid in (t.oid, t.typarray))
       and not (d.classid = 'pg_class'::regclass and d.objid = c.oid)
     group by d.classid, d.objid, d.objsubid;
end;
$$;

comment on function ampsync_private.dependents(regclass)
  is 'What depends on a table or view, and through which of its columns.';
