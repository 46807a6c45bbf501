-- Adds columns to the target of an HTTP source, nullable and at its end. 55P03, with what holds the
-- table, while that is impossible.
--
-- p_columns: [{"name", "type", "is_new"}]; those without `is_new` are there already
--
-- Locks: the target (access exclusive), for 300 ms at most.
create or replace function ampsync_private.add_columns(
  p_stream  ampsync_private.stream,
  p_columns jsonb
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_waits jsonb := ampsync_private.lock_for_change(array[p_stream.target], 1);
begin
  if v_waits is not null then
    raise exception using
      errcode = '55P03',
      message = v_waits ->> 'message',
      detail  = v_waits ->> 'detail',
      hint    = v_waits ->> 'hint';
  end if;

  execute (select format('alter table %s %s', p_stream.target,
                         string_agg(format('add column %I %s', c.value ->> 'name', c.value ->> 'type'), ', '
                                    order by c.ordinality))
             from jsonb_array_elements(p_columns) with ordinality c
            where c.value ? 'is_new');
  perform ampsync_private.journal(p_stream.stream_id, 'column_added',
            jsonb_build_object('column', c.value ->> 'name', 'type', c.value ->> 'type'))
     from jsonb_array_elements(p_columns) c
    where c.value ? 'is_new';
end;
$$;

comment on function ampsync_private.add_columns(ampsync_private.stream, jsonb)
  is 'Add columns to the target of an HTTP source.';
