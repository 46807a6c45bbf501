-- Where the table of a stream is now, and what keeps us from following it there. A target is
-- identified by its OID; the name is for COPY, and for people.
--
-- gone                                                      fault
-- under its name                                            no fault
-- renamed or moved, and the old name is free                no fault
-- the same, but another relation has the old name: only     fault
--   its owner knows which rows belong where
-- renamed to the name of another stream's target            fault
--
-- hint: statements that put it right.
create or replace function ampsync_private.find_target(
  p_stream_id bigint
)
  returns table (target_schema text, target_table text, fault text, hint text)
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_stream ampsync_private.stream;
  v_label  text := ampsync_private.stream_label(p_stream_id);
  v_name   text;
  v_other  regclass;
  v_aside  text; -- Moves the relation that has the name out of the way.
  v_back   text; -- Gives the name back to our table.
begin
  select s.* into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
  select n.nspname, c.relname into target_schema, target_table
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
   where c.oid = v_stream.target;

  v_name := format('%I.%I', v_stream.target_schema, v_stream.target_table);
  v_other := to_regclass(v_name);
  if v_other <> v_stream.target and target_schema <> v_stream.target_schema then
    -- Into another schema, because the names of its indexes may be in the way as well.
    v_aside := (select format('create schema if not exists %I; alter table %s set schema %1$I; ', a.name, v_name)
                  from generate_series(1, 1000) n(n)
                 cross join lateral (
                   select ampsync_private.cut_name(v_stream.target_schema, 58) || '_' || n.n as name) a
                 where to_regnamespace(quote_ident(a.name)) is null
                 order by n.n
                 limit 1);
  elsif v_other <> v_stream.target then
    v_aside := format('alter table %s rename to %I; ', v_name,
                      ampsync_private.free_name(v_stream.target_schema, v_stream.target_table));
  end if;

  if target_table is null then
    fault := format('table %s is gone', v_name);
    hint := concat(v_aside,
                   case when exists (select 1
                                       from ampsync_private.stream s
                                      where p_stream_id in (s.shadow_of, s.stream_id) and s.shadow_of is not null
                                        and s.state <> 'former')
                        then ampsync_private.cancel_hint(p_stream_id) || ' ' end,
                   format('select ampsync.resync(%L, %L);', v_label, v_stream.table_name));
  elsif v_aside is not null
     or exists (select 1
                  from ampsync_private.stream s
                 where s.target_schema = find_target.target_schema
                   and s.target_table = find_target.target_table
                   and s.stream_id <> p_stream_id) then
    v_back := concat(
      case when to_regnamespace(quote_ident(v_stream.target_schema)) is null
           then format('create schema %I; ', v_stream.target_schema) end,
      case when target_schema <> v_stream.target_schema
           then format('alter table %I.%I set schema %I; ', target_schema, target_table, v_stream.target_schema) end,
      case when target_table <> v_stream.target_table
           then format('alter table %I.%I rename to %I; ',
                       v_stream.target_schema, target_table, v_stream.target_table) end);
    fault := case when v_aside is not null
      then format('%s is another table now; the synced one is %I.%I', v_name, target_schema, target_table)
      else format('table %s is called %I.%I now, which is the name of another stream''s target',
                  v_name, target_schema, target_table)
    end;
    hint := concat(v_aside, v_back, format('select ampsync.resume_sync(%L);', v_label));
  end if;
  return next;
end;
$$;

comment on function ampsync_private.find_target(bigint)
  is 'Where a stream''s target is now, and what keeps us from following it there.';
