-- Tells of fields that no column reads, each once: 200 at most, and then that there are more. Returns
-- all that are told; one more than 200 means that the search has ended.
--
-- Locks: nothing; the caller stores them in the stream row.
create or replace function ampsync_private.tell_fields(
  p_stream ampsync_private.stream,
  p_fields text[]
)
  returns text[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_new text[] := array(select distinct left(f.name, 200)
                          from unnest(p_fields) f(name)
                         where left(f.name, 200) <> all (p_stream.seen_fields)
                         order by 1
                         limit 201 - cardinality(p_stream.seen_fields));
  v_all text[] := p_stream.seen_fields || v_new;
begin
  if v_new <> '{}' and cardinality(p_stream.seen_fields) < 200 then
    perform ampsync_private.journal(p_stream.stream_id, 'field_ignored',
              jsonb_build_object('fields', to_jsonb(v_new[:200 - cardinality(p_stream.seen_fields)])));
  end if;
  if cardinality(v_all) > 200 and cardinality(p_stream.seen_fields) <= 200 then
    perform ampsync_private.journal(p_stream.stream_id, 'fields_ignored_beyond_200',
                                    jsonb_build_object('field', v_all[201]));
  end if;
  return v_all;
end;
$$;

comment on function ampsync_private.tell_fields(ampsync_private.stream, text[])
  is 'Tell of fields that no column reads, each once; returns all that are told.';
