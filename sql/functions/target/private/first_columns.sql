-- The columns that the table of a stream is created with: those of the plan, without NOT NULL if
-- the options require that. A shadow with the columns of its stream has them in the order that
-- they have there, from the beginning or because they were added over time, and with the types
-- that the stream keeps.
create or replace function ampsync_private.first_columns(
  p_stream_id bigint,
  p_columns   jsonb
)
  returns jsonb
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_agg(p.value || jsonb_build_object(
                     'type', coalesce(k.old_type, p.value ->> 'type'),
                     'not_null', (p.value ->> 'not_null')::boolean and d.not_null and d.value_policy <> 'null')
                   order by m.n, p.ordinality)
    from ampsync_private.stream s
    join ampsync_private.dataset d using (dataset_id)
    left join ampsync_private.stream live
           on live.stream_id = s.shadow_of
          and (select array_agg(c.value ->> 'name' order by c.value ->> 'name')
                 from jsonb_array_elements(live.columns) c)
              = (select array_agg(c.value ->> 'name' order by c.value ->> 'name')
                   from jsonb_array_elements(p_columns) c)
   cross join jsonb_array_elements(p_columns) with ordinality p
    left join lateral (select m.ordinality as n
                         from jsonb_array_elements(live.columns) with ordinality m
                        where m.value ->> 'name' = p.value ->> 'name') m on true
    left join ampsync_private.plan_evolution(live.stream_id, live.has_block_num, p_columns) k
           on k.action = 'keep' and k.column_name = p.value ->> 'name'
   where s.stream_id = p_stream_id;
$$;

comment on function ampsync_private.first_columns(bigint, jsonb)
  is 'The columns that the table of a stream is created with, in their order.';
