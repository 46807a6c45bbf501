-- Adds columns to the target of a source that evolves, for fields of the records in staging that no column
-- reads: text, numeric and boolean for what JSON calls so, jsonb for the rest and for what is now one, now
-- another. A field that is only null waits. What cannot be the name of a column stays ignored, and is
-- returned: more than 63 bytes, a system column, a column of the user's own.
--
-- SY201 for more than 50 columns in a commit, which are the keys of a map, or more than a table can have.
-- 55P03 where the target cannot be locked within 300 ms, nor 1, 2 and 4 s later.
--
-- Locks: the target (access exclusive), until the commit ends; the stream row.
create or replace function ampsync_private.evolve_columns(
  p_stream  ampsync_private.stream,
  p_staging regclass
)
  returns text[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_fields  jsonb := ampsync_private.new_fields(p_stream, p_staging);
  v_ignored text[];
  v_columns jsonb;
begin
  select coalesce(array_agg(f.key order by f.key) filter (where not c.is_column), '{}'),
         coalesce(jsonb_agg(jsonb_build_object('name', f.key, 'from', ampsync_private.pointer_to(array[f.key]),
                                               'type', f.value, 'unit', null, 'not_null', false, 'added', true)
                            order by f.key) filter (where c.is_column), '[]')
    into strict v_ignored, v_columns
    from jsonb_each(v_fields) f
   cross join lateral (select ampsync_private.can_be_column(p_stream.target, f.key) as is_column) c;
  if v_columns = '[]' then
    return v_ignored;
  end if;

  if jsonb_array_length(v_columns) > 50
     or jsonb_array_length(v_columns) + (select max(a.attnum) from pg_attribute a where a.attrelid = p_stream.target)
        > 1590 then
    raise exception using
      errcode = 'SY201',
      message = format('the records of one commit have %s fields that are new, of which %s would become columns of %s',
                       (select count(*) from jsonb_each(v_fields)), jsonb_array_length(v_columns), p_stream.target),
      detail  = format('50 a commit and 1,590 in all are added at most. The first are: %s.',
                       (select string_agg(c.value ->> 'name', ', ')
                          from (select * from jsonb_array_elements(v_columns) limit 5) c)),
      hint    = format('Map the object that has them to one column of type jsonb, or: '
                       'select ampsync.enqueue_http(%1$L, source => ''{"schema": "freeze"}''); '
                       'select ampsync.resume_sync(%1$L);', ampsync_private.stream_label(p_stream.stream_id));
  end if;

  for v_attempt in 1 .. 4
  loop
    begin
      perform ampsync_private.add_columns(
                p_stream, (select jsonb_agg(c.value || '{"is_new": true}' order by c.ordinality)
                             from jsonb_array_elements(v_columns) with ordinality c));
      exit;
    exception
      when lock_not_available then
        if v_attempt = 4 then
          raise;
        end if;
    end;
    perform pg_sleep(2 ^ (v_attempt - 1));
  end loop;
  update ampsync_private.stream s
     set columns = s.columns || v_columns
   where s.stream_id = p_stream.stream_id;
  return v_ignored;
end;
$$;

comment on function ampsync_private.evolve_columns(ampsync_private.stream, regclass)
  is 'Add columns to the target of a source that evolves; returns the fields that cannot be columns.';
