-- What hangs on a table and would be lost, or is in the way, if another one with these columns
-- took its place: each object, why, and the statement that removes it. No rows: the table can
-- be replaced.
--
-- Whatever PostgreSQL records as a dependent of the table is in the way unless it is known here
-- to be kept, so a kind that a later version brings is refused, not lost.
create or replace function ampsync_private.replacement_obstacles(
  p_old     regclass,
  p_columns jsonb
)
  returns table (object text, reason text, remedy text)
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set jit = off
as $$
#variable_conflict use_column
begin
  return query
    with fate as (
      select coalesce(array_agg(f.name) filter (where f.gone), '{}') as gone,
             coalesce(array_agg(f.name) filter (where f.changed), '{}') as changed
        from ampsync_private.column_fate(p_old, p_columns) f
    ),
    recreated as (
      select v.view
        from fate f
       cross join lateral ampsync_private.dependent_views(p_old, f.changed) v
       where v.is_recreated
    ),
    dependent as ( -- `missing`: columns that it needs and the new table lacks. `owner`: whose rights we need.
      select d.class_id, d.object_id, d.object_sub_id, d.by_type,
             (select string_agg(quote_ident(n.name), ', ') from unnest(d.columns) n(name) where n.name = any (f.gone))
               as missing,
             case d.class_id
               when 'pg_class'::regclass then
                 (select case when c.relkind in ('i', 't') then 'kept'
                              when c.relkind = 'S' then 'is owned by one of its columns'
                              else 'inherits from it' end
                    from pg_class c where c.oid = d.object_id)
               when 'pg_attrdef'::regclass then
                 (select case when a.adrelid = p_old then 'kept' else 'names it' end
                    from pg_attrdef a where a.oid = d.object_id)
               when 'pg_constraint'::regclass then
                 (select case when k.contype = 'f' then 'is a foreign key'
                              when k.conrelid = p_old and k.contype in ('c', 'n', 'p', 't', 'u', 'x') then 'kept' end
                    from pg_constraint k where k.oid = d.object_id)
               when 'pg_trigger'::regclass then
                 (select case when t.tgisinternal then 'kept' when t.tgrelid = p_old then 'needed'
                              else 'refers to it' end
                    from pg_trigger t where t.oid = d.object_id)
               when 'pg_rewrite'::regclass then
                 (select case when c.relpersistence = 't' then 'is temporary, of a session that goes on'
                              when c.relkind = 'm' then 'reads it, and keeps rows of its own'
                              else 'needed' end
                    from pg_rewrite r join pg_class c on c.oid = r.ev_class where r.oid = d.object_id)
               when 'pg_proc'::regclass then
                 (select case when p.prokind <> 'a' then 'needed' end from pg_proc p where p.oid = d.object_id)
               when 'pg_policy'::regclass then 'needed'
               when 'pg_publication_rel'::regclass then 'needed'
               when 'pg_statistic_ext'::regclass then 'kept'
             end as verdict,
             case d.class_id
               when 'pg_rewrite'::regclass then
                 (select c.relowner from pg_rewrite r join pg_class c on c.oid = r.ev_class where r.oid = d.object_id)
               when 'pg_proc'::regclass then (select p.proowner from pg_proc p where p.oid = d.object_id)
               when 'pg_policy'::regclass then
                 (select c.relowner from pg_policy p join pg_class c on c.oid = p.polrelid where p.oid = d.object_id)
               when 'pg_publication_rel'::regclass then
                 (select p.pubowner
                    from pg_publication_rel r join pg_publication p on p.oid = r.prpubid where r.oid = d.object_id)
               when 'pg_statistic_ext'::regclass then
                 (select s.stxowner from pg_statistic_ext s where s.oid = d.object_id)
             end as owner
        from fate f
       cross join lateral ampsync_private.dependents(p_old) d
      union all
      select d.class_id, d.object_id, d.object_sub_id, d.by_type, null,
             case when d.class_id = 'pg_rewrite'::regclass
                   and exists (select 1
                                 from pg_rewrite r
                                where r.oid = d.object_id
                                  and (r.ev_class = w.view
                                       or r.rulename = '_RETURN' and r.ev_class in (select v.view from recreated v)))
                  or d.class_id in ('pg_attrdef'::regclass, 'pg_trigger'::regclass) then 'kept'
                  else format('uses view %s, a column of which changes its type', w.view) end,
             (select c.relowner from pg_class c where c.oid = w.view)
        from recreated w
       cross join lateral ampsync_private.dependents(w.view) d
    ),
    obstacle (class_id, object_id, object_sub_id, reason) as (
      select d.class_id, d.object_id, d.object_sub_id,
             case when d.by_type then 'uses the row type of the table'
                  when d.verdict = 'kept' and d.owner is null then null
                  when d.verdict = 'needed' and d.missing is not null then 'needs column ' || d.missing
                  when d.verdict not in ('kept', 'needed') then d.verdict
                  when d.verdict is null then 'depends on it'
                  when not pg_has_role(d.owner, 'usage') then format('belongs to %I', pg_get_userbyid(d.owner)) end
        from dependent d
      union all
      select 'pg_constraint'::regclass, k.oid, 0, 'is a primary key other than that of ampsync'
        from pg_constraint k
       cross join fate f
       where k.conrelid = p_old
         and k.contype = 'p'
         and ampsync_private.index_form(k.conindid) not in ('p unique USINGbtree_id',
                                                          'p unique USINGbtree_tx_id,_row_index')
         and not ampsync_private.index_columns(k.conindid) <@ f.gone -- Otherwise it stays with the old table.
    )
    select case when r.ev_class is null then pg_describe_object(o.class_id, o.object_id, o.object_sub_id)
                else pg_describe_object('pg_class'::regclass, r.ev_class, 0) end,
           o.reason,
           case when o.reason like 'belongs to %'
                  then format('grant %s to %I;', substr(o.reason, length('belongs to ') + 1), current_user)
                when r.ev_class is null
                  then ampsync_private.drop_statement(o.class_id, o.object_id, o.object_sub_id)
                else ampsync_private.drop_statement('pg_class'::regclass, r.ev_class, 0) end
      from (select distinct o.* from obstacle o where o.reason is not null) o
      left join pg_rewrite r on o.class_id = 'pg_rewrite'::regclass and r.oid = o.object_id and r.rulename = '_RETURN'
    union all
    select pg_describe_object('pg_class'::regclass, p_old, 0), s.reason, s.remedy
      from pg_class c
     cross join lateral (
       select 'is no ordinary table', null
        where c.relkind <> 'r'
       union all
       select format('belongs to %I', pg_get_userbyid(c.relowner)),
              format('grant %I to %I;', pg_get_userbyid(c.relowner), current_user)
        where not pg_has_role(c.relowner, 'usage')
       union all
       select 'is of type ' || format_type(c.reloftype, -1), format('alter table %s not of;', p_old)
        where c.reloftype <> 0
       union all
       select 'inherits from ' || i.inhparent::regclass,
              format('alter table %s no inherit %s;', p_old, i.inhparent::regclass)
         from pg_inherits i
        where i.inhrelid = p_old
       union all
       select format('has a security label of %s', l.provider),
              format('security label for %I on %s is null;', l.provider,
                     case when l.objsubid = 0 then 'table ' || p_old
                          else format('column %s.%I', p_old, (select a.attname
                                                                from pg_attribute a
                                                               where a.attrelid = p_old and a.attnum = l.objsubid)) end)
         from pg_seclabel l
        where l.classoid = 'pg_class'::regclass and l.objoid = p_old
       union all
       select 'belongs to extension ' || quote_ident(e.extname),
              format('alter extension %I drop table %s;', e.extname, p_old)
         from pg_depend d
         join pg_extension e on d.refclassid = 'pg_extension'::regclass and e.oid = d.refobjid
        where d.classid = 'pg_class'::regclass and d.objid = p_old and d.deptype = 'e'
       union all
       select format('has %s that is dropped with extension %I', pg_describe_object(d.classid, d.objid, 0), e.extname),
              format('alter %s no depends on extension %I;', i.type || ' ' || i.identity, e.extname)
         from pg_depend d
         join pg_extension e on d.refclassid = 'pg_extension'::regclass and e.oid = d.refobjid
        cross join lateral pg_identify_object(d.classid, d.objid, 0) i
        where d.deptype = 'x'
          and (d.classid = 'pg_class'::regclass
               and d.objid in (select x.indexrelid from pg_index x where x.indrelid = p_old)
               or d.classid = 'pg_trigger'::regclass
               and d.objid in (select t.oid from pg_trigger t where t.tgrelid = p_old))
       union all
       select 'is written by a subscription', null
         from pg_subscription_rel r
        where r.srrelid = p_old
     ) s(reason, remedy)
     where c.oid = p_old;
end;
$$;

comment on function ampsync_private.replacement_obstacles(regclass, jsonb)
  is 'What would be lost, or is in the way, if a table with these columns replaced another.';
