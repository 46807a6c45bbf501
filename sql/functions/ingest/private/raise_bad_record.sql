-- Raises SY203 for a record that the target does not take.
--
-- p_bad       as in `rejected` of insert_records
-- p_rejected  how many were set aside before it in the same commit, if that is why
create or replace procedure ampsync_private.raise_bad_record(
  p_stream   ampsync_private.stream,
  p_bad      jsonb,
  p_rejected integer
)
  language plpgsql
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'SY203',
    message = format('Table %s, page %s, record %s%s: %s', p_stream.target, p_bad ->> 'block', p_bad ->> 'row',
                     ', column ' || quote_ident(p_bad ->> 'column'), p_bad ->> 'reason'),
    detail  = format('PostgreSQL said %s; nothing of this commit was stored. %s %s%s', p_bad ->> 'sqlstate',
                     case when p_bad ? 'value' then 'The value:' else 'The record:' end,
                     left(coalesce(to_json(p_bad ->> 'value')::text, (p_bad -> 'values')::text), 500),
                     case when p_rejected > 0
                          then format('. It comes after %s others: that is no bad value but a wrong type.', p_rejected)
                     end),
    hint    = format('select ampsync.enqueue_http(%1$L, value_policy => ''quarantine''); '
                     'select ampsync.resume_sync(%1$L);', ampsync_private.stream_label(p_stream.stream_id));
end;
$$;

comment on procedure ampsync_private.raise_bad_record(ampsync_private.stream, jsonb, integer)
  is 'Raise SY203 for a record that the target does not take.';
