-- The next statement that brings a stream nearer to its indexes: CREATE INDEX CONCURRENTLY, or
-- DROP INDEX CONCURRENTLY of what an interrupted one left behind. No row when nothing is left
-- to do now. The caller holds the index lock (hold_index_lock) and runs the statement outside
-- any transaction, without time limits; note_index records what became of it.
--
-- IF NOT EXISTS would be content with an invalid index, which every insert pays for and no query
-- uses. So what pg_index says decides:
--
-- a valid one that serves, ours or not     recorded as valid
-- some session still builds it             asked again in 10 s
-- invalid, under our name                  dropped, and built from the beginning
-- a column is missing                      failed, until the table has it (plan_indexes)
--
-- Locks: rows of target_index.
create or replace function ampsync_worker.next_index_step(
  p_stream_id bigint
)
  returns table (method text, columns text[], options smallint[], statement text)
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_stream  ampsync_private.stream;
  v_index   ampsync_private.target_index;
  v_serving oid;
  v_left    oid; -- What an interrupted build left behind.
  v_missing text[];
begin
  select * into v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id
     and ampsync_private.indexes_are_due(p_stream_id);
  if not found then
    return;
  end if;

  for v_index in
    select *
      from ampsync_private.target_index t
     where t.stream_id = p_stream_id
       and t.state <> 'failed'
       and (t.next_retry is null or t.next_retry <= ampsync_private.now())
     order by t.position
       for no key update
  loop
    v_serving := ampsync_private.serving_index(v_stream.target, v_index.method, v_index.columns, v_index.options);
    if v_serving is not null then
      perform ampsync_private.mark_index_valid(v_index, v_serving);
      continue;
    end if;

    v_missing := ampsync_private.missing_index_columns(v_stream.target, v_index.columns);
    if v_missing <> '{}' then
      perform ampsync_worker.note_index(p_stream_id, v_index.method, v_index.columns, v_index.options,
        jsonb_build_object(
          'code', 'SY004',
          'message', format('table %s has no column %s', v_stream.target, array_to_string(v_missing, ', ')),
          'detail', 'Names are taken as they are written, upper case included.',
          'hint', format('select ampsync.enqueue_sync(%L, indexes => ''{"%s": [["_block_num desc"]]}'');',
                         ampsync_private.stream_label(p_stream_id), v_stream.table_name)),
        true);
      continue;
    end if;

    select i.indexrelid into v_left
      from pg_index i
      join pg_class c on c.oid = i.indexrelid
     where i.indrelid = v_stream.target
       and c.relname = v_index.index_name
       and not i.indisvalid;
    if exists (select from pg_stat_progress_create_index b where b.index_relid = v_left) then
      update ampsync_private.target_index t
         set next_retry = ampsync_private.now() + interval '10 s'
       where (t.stream_id, t.method, t.columns, t.options)
             = (p_stream_id, v_index.method, v_index.columns, v_index.options);
      continue;
    end if;

    if v_left is null then
      v_index.index_name := ampsync_private.index_name(v_stream.target, v_index.method, v_index.columns,
                                                       v_index.options);
    end if;
    update ampsync_private.target_index t
       set index_name  = v_index.index_name,
           index_id    = null,
           builder_pid = pg_backend_pid(),
           since       = case when t.state <> 'building' then ampsync_private.now() else t.since end,
           state       = 'building',
           next_retry  = null
     where (t.stream_id, t.method, t.columns, t.options)
           = (p_stream_id, v_index.method, v_index.columns, v_index.options);

    return query
    select v_index.method, v_index.columns, v_index.options,
           case when v_left is not null
                then format('drop index concurrently if exists %I.%I', n.nspname, v_index.index_name)
                else format('create index concurrently %I on %I.%I using %s (%s)%s',
                            v_index.index_name, n.nspname, c.relname, v_index.method,
                            ampsync_private.index_column_list(v_index.columns, v_index.options),
                            case when v_index.method = 'brin' then ' with (autosummarize = on)' else '' end) end
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
     where c.oid = v_stream.target;
    return;
  end loop;

  if ampsync_private.indexes_are_due(p_stream_id) then
    perform ampsync_private.schedule_index(p_stream_id); -- What waits for its next attempt.
  end if;
end;
$$;

comment on function ampsync_worker.next_index_step(bigint)
  is 'The next statement on the way to the indexes of a stream; no row when none is due.';
