-- Gives a new table the name, schema and index names of the old one, and the old one the name
-- p_keep_schema.p_keep_name. An index without a counterpart keeps its name if that is free.
--
-- Locks: both tables (access exclusive).
create or replace function ampsync_private.exchange_names(
  p_old         regclass,
  p_new         regclass,
  p_keep_schema text,
  p_keep_name   text
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_schema text;
  v_name   text;
  v_names  jsonb; -- Every index with its present name, and the name that it takes.
  v_index  record;
begin
  select n.nspname, c.relname into strict v_schema, v_name
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
   where c.oid = p_old;
  select jsonb_agg(jsonb_build_object('oid', i.indexrelid::oid, 'name', coalesce(o.relname, x.relname),
                                      'paired', o.relname is not null) order by o.relname is null, x.relname)
    into v_names
    from pg_index i
    join pg_class x on x.oid = i.indexrelid
    left join ampsync_private.index_pairs(p_old, p_new) p on p.new_index = i.indexrelid
    left join pg_class o on o.oid = p.old_index
   where i.indrelid in (p_old, p_new);

  for v_index in
    select n.oid, n.oid::regclass as index, 'ampsync_index_' || n.oid as aside
      from jsonb_to_recordset(v_names) n(oid oid)
      join pg_class x on x.oid = n.oid
     where x.relname <> 'ampsync_index_' || n.oid
  loop
    execute format('alter index %s rename to %I', v_index.index, v_index.aside);
  end loop;
  execute format('alter table %s rename to %I', p_old, 'ampsync_table_' || p_old::oid);
  execute format('alter table %s rename to %I', p_new, 'ampsync_table_' || p_new::oid);
  execute format('alter table %s set schema %I', p_new, v_schema);
  execute format('alter table %s rename to %I', p_new, v_name);
  execute format('alter table %s set schema %I', p_old, p_keep_schema);
  execute format('alter table %s rename to %I', p_old, p_keep_name);

  for v_index in
    select n.oid::regclass as index, n.name, s.nspname as schema
      from jsonb_to_recordset(v_names) n(oid oid, name text, paired boolean)
      join pg_class x on x.oid = n.oid
      join pg_namespace s on s.oid = x.relnamespace
     order by n.paired desc
  loop
    if to_regclass(format('%I.%I', v_index.schema, v_index.name)) is null then
      begin
        execute format('alter index %s rename to %I', v_index.index, v_index.name);
      exception
        when unique_violation or duplicate_table then
          null; -- Taken meanwhile: tables of many datasets are kept in one schema.
      end;
    end if;
  end loop;
end;
$$;

comment on function ampsync_private.exchange_names(regclass, regclass, text, text)
  is 'Give a new table the name of the old one, and its indexes the names of its indexes.';
