-- Creates the streams of those tables of a dataset that have queries, and queues their first
-- passes: nobody has to be asked which tables there are.
--
-- Locks: inserts streams and leases. The caller holds the dataset row.
create or replace function ampsync_private.register_queries(
  p_dataset_id bigint
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_dataset ampsync_private.dataset;
  v_table   text;
  v_paused  boolean := exists (select 1
                                from ampsync_private.stream s
                               where s.dataset_id = p_dataset_id
                                 and s.state = 'paused');
  v_stream  bigint;
begin
  select * into strict v_dataset from ampsync_private.dataset d where d.dataset_id = p_dataset_id;
  for v_table in
    select q.name
      from jsonb_object_keys(v_dataset.queries) q(name)
     where not exists (select 1
                         from ampsync_private.stream s
                        where s.dataset_id = p_dataset_id
                          and s.table_name = q.name)
     order by q.name
  loop
    loop
      insert into ampsync_private.stream (dataset_id, table_name, target_schema, target_table, identity, state, since)
      values (p_dataset_id, v_table, v_dataset.target_schema, ampsync_private.target_name(v_dataset, v_table),
              v_dataset.identity, case when v_paused then 'paused' else 'waiting' end, ampsync_private.now())
      on conflict do nothing -- The target is another dataset's, which the check says, or was until this moment.
      returning stream_id into v_stream;
      perform ampsync_private.check_target_free(p_dataset_id, v_table, v_dataset.target_schema,
                                                ampsync_private.target_name(v_dataset, v_table));
      exit when v_stream is not null;
    end loop;

    insert into ampsync_private.lease (stream_id) values (v_stream);
    perform ampsync_private.take_query(v_stream);
    if v_dataset.published then
      perform ampsync_private.publish_target(v_stream);
    end if;
    if not v_paused then
      perform ampsync_private.schedule_stream(v_stream);
    end if;
  end loop;
end;
$$;

comment on function ampsync_private.register_queries(bigint)
  is 'Create the streams of those tables of a dataset that have queries, and queue their first passes.';
