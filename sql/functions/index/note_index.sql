-- Records what became of a statement of next_index_step: the index is valid, or why not. An
-- error that another attempt would only repeat makes it `failed`, until ampsync.enqueue_sync is
-- called; after any other the index is retried after 10 s to 15 minutes.
--
-- p_error: {"code", "message", "detail", "hint"}, or null after success
--
-- No effect if the index is no longer wanted. Locks: the row of target_index.
create or replace function ampsync_worker.note_index(
  p_stream_id bigint,
  p_method    text,
  p_columns   text[],
  p_options   smallint[],
  p_error     jsonb,
  p_final     boolean
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_index   ampsync_private.target_index;
  v_target  regclass;
  v_serving oid;
begin
  select * into v_index
    from ampsync_private.target_index t
   where (t.stream_id, t.method, t.columns, t.options) = (p_stream_id, p_method, p_columns, p_options)
     for no key update;
  if not found then
    return;
  end if;
  select s.target into v_target
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;

  v_serving := coalesce(
    ampsync_private.serving_index(v_target, p_method, p_columns, p_options),
    (select i.indexrelid -- Just built.
       from pg_index i
       join pg_class c on c.oid = i.indexrelid
      where p_error is null and i.indrelid = v_target and c.relname = v_index.index_name and i.indisvalid));
  if v_serving is not null then
    perform ampsync_private.mark_index_valid(v_index, v_serving);
    return;
  end if;
  if p_error is null then -- What was left behind is dropped, and the index can be built now.
    return;
  end if;

  update ampsync_private.target_index t
     set state      = case when p_final then 'failed' else 'waiting' end,
         index_id   = null,
         since      = case when p_final or t.error is null then ampsync_private.now() else t.since end,
         attempts   = t.attempts + 1,
         next_retry = case when not p_final then ampsync_private.now()
                        + ampsync_private.retry_delay(t.attempts + 1, '{10,30,60,300,900}') end,
         error      = p_error || jsonb_build_object('hint', coalesce(
                        p_error ->> 'hint',
                        case when p_final then format('select ampsync.enqueue_sync(%L);',
                                                      ampsync_private.stream_label(p_stream_id)) end,
                        'Retried automatically: select * from ampsync.indexes;'))
   where (t.stream_id, t.method, t.columns, t.options) = (p_stream_id, p_method, p_columns, p_options);
  perform ampsync_private.journal(p_stream_id, 'index_failed', p_error || jsonb_build_object(
    'columns', ampsync_private.index_column_list(p_columns, p_options), 'final', p_final));
end;
$$;

comment on function ampsync_worker.note_index(bigint, text, text[], smallint[], jsonb, boolean)
  is 'Record what became of an index: valid, to be retried, or failed.';
