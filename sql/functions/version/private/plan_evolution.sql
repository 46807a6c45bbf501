-- What has to be done to the target of a stream so that rows of the planned columns can be
-- written into it: one row per difference, in the order of the plan; none if there is no
-- difference. Changes nothing. Compared are the columns that we made (stream.columns), those
-- that the server plans to send, and those that the table has, by type OID and modifier.
--
-- action         add_column     the dataset has a new column: appended, nullable
--                widen_column   numeric with more digits and the same scale: no rewrite
--                drop_not_null  the column may be null now, by the schema or by the options
--                               value_policy `null` and not_null false
--                keep           the table's type has room for more than the schema needs
--                forget_column  the dataset dropped the column, and so did the user
--                refuse         nothing of the plan can be done; see evolution_refusal
-- old_type       as the table has it
-- new_type       as the dataset has it
-- ddl            the statement
-- refusal        for refuse: what is wrong, without the column; `remedy` the statements that
--                cure it, where there are some
--
-- A column that the user added is ignored, unless the dataset adds one of that name. Without
-- a table, not made yet or gone, there is no row.
--
-- p_has_block_num, p_columns  see prepare_target
-- p_network                   network of the table, if the caller knows it
create or replace function ampsync_private.plan_evolution(
  p_stream_id     bigint,
  p_has_block_num boolean,
  p_columns       jsonb,
  p_network       text default null
)
  returns table (action text, column_name text, old_type text, new_type text, ddl text, refusal text, remedy text)
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  return query
    with stream as (
      select s.*, d.not_null and d.value_policy <> 'null' as strict,
             (select max(a.attnum) from pg_attribute a where a.attrelid = c.oid) as width
        from ampsync_private.stream s
        join ampsync_private.dataset d using (dataset_id)
        join pg_class c on c.oid = s.target
       where s.stream_id = p_stream_id
    ),
    made as (
      select m.value ->> 'name' as name, m.value ->> 'type' as type, (m.value ->> 'not_null')::boolean as not_null,
             1000000 + m.ordinality as n
        from stream s
       cross join jsonb_array_elements(s.columns) with ordinality m
    ),
    planned as (
      select p.value ->> 'name' as name, (p.value ->> 'not_null')::boolean and s.strict as not_null, p.ordinality as n,
             to_regtype(p.value ->> 'type')::oid as type, ampsync_private.type_modifier(p.value ->> 'type') as modifier
        from stream s
       cross join jsonb_array_elements(p_columns) with ordinality p
    ),
    actual as (
      select a.attname::text as name, a.attnotnull as not_null, a.attnum, a.atttypid as type, a.atttypmod as modifier
        from stream s
        join pg_attribute a on a.attrelid = s.target and a.attnum > 0 and not a.attisdropped
    ),
    compared as (
      select s.target, s.width, s.strict, coalesce(p.n, m.n) as n, name, a.attnum,
             p.name is not null as is_planned, m.name is not null as is_made, a.name is not null as is_there,
             (a.type, a.modifier) = (p.type, p.modifier) as is_same,
             -- Both numeric, with modifiers of one scale. Digits are above the scale in a modifier.
             a.type = p.type and a.type in ('numeric'::regtype, 'numeric[]'::regtype)
               and least(a.modifier, p.modifier) > 0
               and ((a.modifier - 4) & 2047) = ((p.modifier - 4) & 2047) as has_same_scale,
             a.type = 'numeric'::regtype as is_scalar,
             p.modifier < a.modifier as has_fewer_digits,
             a.not_null and not p.not_null and (m.not_null or not s.strict) as loses_not_null,
             m.type as made_type, format_type(a.type, a.modifier) as old_type,
             format_type(p.type, p.modifier) as new_type,
             count(*) filter (where a.name is null and m.name is null) over (order by p.n) as nth_added
        from stream s
       cross join (planned p full join made m using (name))
        left join actual a using (name)
    ),
    judged as (
      select c.*,
             case when c.is_planned and not c.is_made and c.is_there
                    then 'Columns added to schema have the names of columns that are not ampsync''s'
                  when c.is_planned and not c.is_made and c.width + c.nth_added > 1600
                    then 'Columns added to schema do not fit: PostgreSQL allows 1600 per table, counting dropped ones'
                  when not c.is_planned and c.is_there
                    then 'Columns dropped from schema (unsupported)'
                  when c.is_planned and c.is_made and not c.is_there
                    then 'Columns missing in the table'
                  when c.is_planned and c.is_made and not c.is_same
                       and not (c.has_same_scale and (c.is_scalar or c.has_fewer_digits))
                    then 'Type changes detected (unsupported)' end as refusal
        from compared c
    ),
    widened as (
      select j.*, o.objects, o.drops, o.makes
        from judged j
        left join lateral (
          select string_agg(w.object, ', ' order by w.n) as objects,
                 string_agg(w.drop_it, '' order by w.n) as drops,
                 string_agg(w.make_it, '' order by w.n desc) as makes
            from ampsync_private.widening_obstacles(j.target, j.name)
                 with ordinality w(object, drop_it, make_it, n)
        ) o on true
       where j.refusal is null and j.is_made and j.is_planned and not j.is_same and not j.has_fewer_digits
    ),
    freed as (
      select j.*, i.indexrelid, i.indisprimary
        from judged j
        left join pg_index i on i.indrelid = j.target
                            and (i.indisprimary or i.indisreplident)
                            and j.attnum = any ((i.indkey::smallint[])[0:i.indnkeyatts - 1])
       where j.refusal is null and j.loses_not_null
    ),
    difference (n, action, name, old_type, new_type, ddl, refusal, remedy) as (
      select 0, 'refuse', null, null, null, null,
             format('Network changed for table %s: %s -> %s', s.table_name, s.network, p_network), null
        from stream s
       where p_network <> s.network
      union all
      select 0, 'refuse', null, null, null, null,
             format('the server %s _block_num',
                    case when p_has_block_num then 'now offers' else 'no longer offers' end),
             null
        from stream s
       where p_has_block_num <> s.has_block_num
      union all
      select j.n, 'refuse', j.name, j.old_type, j.new_type, null, j.refusal,
             case when not j.is_planned then format('alter table %s drop column %I; ', j.target, j.name)
                  when not j.is_made and j.is_there
                    then format('alter table %s rename column %I to %I; ', j.target, j.name,
                                ampsync_private.cut_name(j.name, 58) || '_mine')
                  when not j.is_there
                    then format('alter table %s add column %I %s; ', j.target, j.name, j.new_type)
                  when j.made_type = j.new_type -- Then the user changed it.
                    then format('alter table %1$s alter column %2$I type %3$s using %2$I::%3$s; ',
                                j.target, j.name, j.new_type) end
        from judged j
       where j.refusal is not null
      union all
      select j.n, 'forget_column', j.name, null, null, null, null, null
        from judged j
       where not j.is_planned and not j.is_there
      union all
      select j.n, 'add_column', j.name, null, j.new_type,
             format('alter table %s add column %I %s', j.target, j.name, j.new_type)
               || case when j.new_type in ('bytea', 'text')
                       then format(', alter column %I %s', j.name, ampsync_private.long_values(l.enumvals)) else '' end,
             null, null
        from judged j
        join pg_settings l on l.name = 'default_toast_compression'
       where j.refusal is null and j.is_planned and not j.is_made
      union all
      select j.n, 'keep', j.name, j.old_type, j.new_type, null, null, null
        from judged j
       where j.refusal is null and j.is_made and j.is_planned and not j.is_same and j.has_fewer_digits
      union all
      select w.n, case when w.objects is null then 'widen_column' else 'refuse' end, w.name, w.old_type, w.new_type,
             case when w.objects is null then v.ddl end,
             'Columns cannot be widened because of ' || w.objects,
             case when w.objects is not null then concat(w.drops, v.ddl, '; ', w.makes) end
        from widened w
       cross join lateral (
         select format('alter table %s alter column %I type %s', w.target, w.name, w.new_type) as ddl
       ) v
      union all
      select f.n, case when f.indexrelid is null then 'drop_not_null' else 'refuse' end, f.name, f.old_type, f.new_type,
             case when f.indexrelid is null
                  then format('alter table %s alter column %I drop not null', f.target, f.name) end,
             'Columns may be null now, but cannot be because of index ' || f.indexrelid::regclass,
             case when f.indisprimary
                    then (select format('alter table %s drop constraint %I; ', f.target, k.conname)
                            from pg_constraint k where k.conindid = f.indexrelid and k.contype = 'p')
                  when f.indexrelid is not null then format('alter table %s replica identity full; ', f.target) end
        from freed f
    )
    select d.action, d.name, d.old_type, d.new_type, d.ddl, d.refusal, d.remedy
      from difference d
     order by d.n, d.action;
end;
$$;

comment on function ampsync_private.plan_evolution(bigint, boolean, jsonb, text)
  is 'What has to be done to a stream''s target so that it fits the planned columns, or why that is refused.';
