-- What the catalogue says of a published table, read with one snapshot:
-- {"schema", "table", "gone": there is no such table any more, "taken": its noted name belongs to another one,
--  "refused": why it could not be published as it is, null if it could, "columns", "storage",
--  "missing": {column: what rows have in it that are older than it, null where that is NULL}, "unsure": partitions do
--  not agree on that}. Leaves that are not noted have "empty", those whose file is another one "emptied_by": the
-- transaction that wrote their record last.
--
-- p_is_look  else nobody asks whether leaves are empty, which may take long
--
-- Locks: ACCESS SHARE on the table (published_columns) and on new leaves: 55P03 after the caller's lock_timeout.
create or replace function ampsync_private.read_form(
  p_published_id integer,
  p_is_look      boolean default true
)
  returns jsonb
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with t as materialized ( -- Else each mention would read the catalogue again.
    select p.published_id, ampsync_private.published_columns(p.relation) as columns,
           ampsync_private.published_storage(p.relation) as storage
      from ampsync_private.published p
     where p.published_id = p_published_id
  )
  select jsonb_build_object(
           'schema', n.nspname,
           'table', c.relname,
           'gone', c.oid is null,
           'taken', exists (select 1
                              from pg_class o
                              join pg_namespace s on s.oid = o.relnamespace
                             where s.nspname = p.schema_name
                               and o.relname = p.table_name
                               and o.oid <> p.relation
                               and (n.nspname, c.relname) is distinct from (p.schema_name, p.table_name)),
           'refused', case
             when c.oid is null then null
             when (t.storage ->> 'children')::integer > 0 then 'Other tables inherit from it.'
             when not t.columns @> '[{"key": true}]' then 'It has no primary key.'
             else (select case when ampsync_private.is_client_type((col ->> 'type')::oid)
                                 then format('Column %I of its primary key is generated.', col ->> 'name')
                               else format('Column %I has the type %s.', col ->> 'name',
                                           format_type((col ->> 'type')::oid, null)) end
                     from jsonb_array_elements(t.columns) col
                    where not ampsync_private.is_client_type((col ->> 'type')::oid)
                       or (col ->> 'key')::boolean and col ->> 'generated' is not null
                    limit 1) end,
           'columns', t.columns,
           'missing', coalesce(m.missing, '{}'),
           'unsure', coalesce(m.unsure, false),
           'storage', jsonb_set(t.storage, '{leaves}', (
             select coalesce(jsonb_object_agg(l.leaf, l.what || case
                      when p_is_look and l.what ->> 'file' <> '0'
                       and not coalesce(p.storage -> 'leaves' ? l.leaf, false)
                        then jsonb_build_object('empty', ampsync_private.leaf_is_empty(l.leaf::oid))
                      when l.what ->> 'file' <> p.storage -> 'leaves' -> l.leaf ->> 'file'
                        then jsonb_build_object('emptied_by', (select f.xmin::text
                                                                 from pg_class f
                                                                where f.oid = l.leaf::oid))
                      else '{}' end), '{}')
               from jsonb_each(t.storage -> 'leaves') l(leaf, what))))
    from t
    join ampsync_private.published p using (published_id)
    left join pg_class c on c.oid = p.relation
    left join pg_namespace n on n.oid = c.relnamespace
   cross join lateral (
     select jsonb_object_agg(v.name, v.missing) as missing, bool_or(v.values > 1) as unsure
       from (select a.attname as name, count(distinct v.missing) as values, min(v.missing) as missing
               from pg_attribute a
              cross join ampsync_private.table_tree(p.relation) l
               join pg_attribute b on b.attrelid = l.relation and b.attname = a.attname and not b.attisdropped
              cross join lateral (select case when b.atthasmissing
                                              then (b.attmissingval::text::text[])[1] end as missing) v
              where a.attrelid = p.relation
                and a.attnum > (p.storage ->> 'natts')::integer
                and not a.attisdropped
              group by a.attname) v) m;
$$;

comment on function ampsync_private.read_form(integer, boolean)
  is 'What the catalogue says of a published table, read with one snapshot.';
