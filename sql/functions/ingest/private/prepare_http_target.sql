-- Creates the target of an HTTP source, or makes the one it has (which may be one that was there, adopt_target)
-- fit its definition: columns that are new there are added, NULL in the rows that exist.
-- 55P03, with what holds the table, while that is impossible.
--
-- Locks: an advisory lock on the name of the target schema while the table is created; the target
-- (access share; access exclusive, for 300 ms at most, if a column is added); the stream row.
create or replace function ampsync_private.prepare_http_target(
  p_stream_id bigint
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_stream  ampsync_private.stream;
  v_dataset ampsync_private.dataset;
  v_source  jsonb;
  v_columns jsonb;
begin
  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
  if v_stream.target is null then
    perform pg_advisory_xact_lock(hashtextextended('ampsync.schema:' || v_stream.target_schema, 0));
    select * into strict v_stream -- The same call, abandoned by its caller, may have created it meanwhile.
      from ampsync_private.stream s
     where s.stream_id = p_stream_id;
  end if;
  select * into strict v_dataset
    from ampsync_private.dataset d
   where d.dataset_id = v_stream.dataset_id;
  v_source := ampsync_private.full_source(v_dataset.definition);

  if v_stream.target is null then
    perform ampsync_private.check_schema(p_stream_id, v_stream.target_schema);
    if v_dataset.definition @> '{"adopt": true}'
       and to_regclass(format('%I.%I', v_stream.target_schema, v_stream.target_table)) is not null then
      raise exception using
        errcode = 'SY003',
        message = format('table %I.%I has come after %s was enqueued', v_stream.target_schema, v_stream.target_table,
                         v_dataset.label),
        detail  = 'Nothing was changed. A table is taken only by who has the rights of its owner, and says so.',
        hint    = format('%s select * from ampsync.resume_sync(%L);',
                         ampsync_private.http_statement(v_dataset.label), v_dataset.label);
    end if;
    perform ampsync_private.check_target_free(v_stream.dataset_id, v_stream.table_name, v_stream.target_schema,
                                              v_stream.target_table);
    v_stream.target := ampsync_private.create_http_target(v_stream.target_schema, v_stream.target_table, v_source);
    perform ampsync_private.journal(p_stream_id, 'table_created');
    v_stream.columns := '[]';
  else
    perform ampsync_private.hold_target(p_stream_id);
  end if;
  perform ampsync_private.check_target(v_stream);

  v_columns := ampsync_private.fit_columns(v_stream, v_source);
  if v_columns @> '[{"is_new": true}]' then
    perform ampsync_private.add_columns(v_stream, v_columns);
    v_columns := (select jsonb_agg(c.value - 'is_new' order by c.ordinality)
                    from jsonb_array_elements(v_columns) with ordinality c);
  end if;
  update ampsync_private.stream s
     set target        = v_stream.target,
         columns       = v_columns,
         has_block_num = false
   where s.stream_id = p_stream_id
     and (s.target, s.columns) is distinct from (v_stream.target, v_columns);
end;
$$;

comment on function ampsync_private.prepare_http_target(bigint)
  is 'Create the target of an HTTP source, or make it fit its definition.';
