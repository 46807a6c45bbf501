-- What value_policy `null`, or not_null false, requires of the columns: returns them without NOT NULL, and drops it
-- from those that the target already has, and for a shadow also from the target it will
-- replace. Otherwise the columns are returned as they are: those that were made
-- nullable stay so.
--
-- Waits at most 300 ms for a table: behind a long reader it would block everybody else. Then
-- 55P03, and the stream is retried after 1, 2, 4 … s.
--
-- Locks: the target (access exclusive), if there is something to drop.
create or replace function ampsync_private.allow_nulls(
  p_stream_id bigint,
  p_columns   jsonb
)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '300ms'
as $$
declare
  v_stream ampsync_private.stream;
  v_strict boolean;
  v_target record;
begin
  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
  select d.not_null and d.value_policy <> 'null' into strict v_strict
    from ampsync_private.dataset d
   where d.dataset_id = v_stream.dataset_id;
  if v_strict then
    return p_columns;
  end if;

  for v_target in
    select s.target, array_agg(a.attname order by a.attnum) as columns,
           string_agg(format('alter column %I drop not null', a.attname), ', ') as actions
      from ampsync_private.stream s
      join pg_attribute a on a.attrelid = s.target and a.attnum > 0 and a.attnotnull
     where s.stream_id in (p_stream_id, v_stream.shadow_of)
       and a.attname in (select c.value ->> 'name' from jsonb_array_elements(s.columns) c)
     group by s.target
  loop
    execute format('alter table %s %s', v_target.target, v_target.actions);
    perform ampsync_private.journal(p_stream_id, 'not_null_dropped',
              jsonb_build_object('columns', v_target.columns));
  end loop;

  return (select jsonb_agg(c.value || '{"not_null": false}' order by c.ordinality)
            from jsonb_array_elements(p_columns) with ordinality c);
end;
$$;

comment on function ampsync_private.allow_nulls(bigint, jsonb)
  is 'The columns as the options require them; drops NOT NULL under value_policy null or not_null false.';
