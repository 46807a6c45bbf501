-- The statements that publish the tables which a view reads, itself or by other views; null: it reads none.
create or replace function ampsync_private.read_tables_statement(
  p_view regclass
)
  returns text
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with recursive reads as (
    select p_view::oid as relation
    union
    select d.refobjid
      from reads s
      join pg_rewrite r on r.ev_class = s.relation
      join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
                      and d.refclassid = 'pg_class'::regclass
  )
  select string_agg(distinct format('select ampsync.publish(%L);', r.relation::regclass), ' ')
    from reads r
    join pg_class c on c.oid = r.relation
   where c.relkind in ('r', 'p');
$$;

comment on function ampsync_private.read_tables_statement(regclass)
  is 'The statements that publish the tables which a view reads.';
