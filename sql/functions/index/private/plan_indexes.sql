-- Records which indexes the target of a stream shall have, and queues their job once the stream
-- has reached the head: after the backfill, because an index makes loading slower. What is no
-- longer wanted is forgotten, and its index stays in the table. A shadow has none: its rows go
-- into the table that it is loaded for, which stays the same.
--
-- _block_num, and a column block_num of the dataset   by option block_index
-- declared columns                                    btree, by option indexes
--
-- p_retry: what failed for good is tried again
--
-- Idempotent. Locks: those rows, and rows of graphile_worker.
create or replace function ampsync_private.plan_indexes(
  p_stream_id bigint,
  p_retry     boolean
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_stream  ampsync_private.stream;
  v_dataset ampsync_private.dataset;
begin
  select * into v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id
     and s.shadow_of is null
     and s.target is not null;
  if not found then
    return;
  end if;
  select * into strict v_dataset
    from ampsync_private.dataset d
   where d.dataset_id = v_stream.dataset_id;

  with wanted as (
    select v_dataset.block_index as method, array[b.name] as columns, array[0]::smallint[] as options, b.position
      from (values ('_block_num', 1), ('block_num', 2)) b(name, position)
     where v_dataset.block_index <> 'none'
       and (b.name = '_block_num' and v_stream.has_block_num
            or exists (select from jsonb_array_elements(v_stream.columns) c where c.value ->> 'name' = b.name))
    union all
    select 'btree', array_agg(p.column_name order by c.position), array_agg(p.options order by c.position),
           2 + i.position
      from jsonb_array_elements(v_dataset.indexes -> v_stream.table_name) with ordinality i(columns, position)
     cross join lateral jsonb_array_elements_text(i.columns) with ordinality c(text, position)
     cross join lateral ampsync_private.parse_index_column(c.text) p
     group by i.position
  ),
  forgotten as (
    delete from ampsync_private.target_index t
     where t.stream_id = p_stream_id
       and not exists (select from wanted w
                        where (w.method, w.columns, w.options) = (t.method, t.columns, t.options))
  )
  insert into ampsync_private.target_index (stream_id, method, columns, options, position, since)
  select p_stream_id, w.method, w.columns, w.options, min(w.position), ampsync_private.now()
    from wanted w
   group by w.method, w.columns, w.options
  on conflict on constraint target_index_pkey do nothing;

  if p_retry then
    update ampsync_private.target_index t
       set state      = case t.state when 'failed' then 'waiting' else t.state end,
           since      = case t.state when 'failed' then ampsync_private.now() else t.since end,
           attempts   = 0,
           next_retry = null,
           error      = null
     where t.stream_id = p_stream_id
       and t.error is not null;
  end if;

  if ampsync_private.indexes_are_due(p_stream_id) then
    perform ampsync_private.schedule_index(p_stream_id);
  end if;
end;
$$;

comment on function ampsync_private.plan_indexes(bigint, boolean)
  is 'Record which indexes a target shall have, and queue their job once it is loaded.';
