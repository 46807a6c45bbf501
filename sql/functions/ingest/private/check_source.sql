-- Refuses a definition of an HTTP source that is not one (SY004), naming the place: a closed set of
-- keys, whose values fit each other. What depends on other sources and on the target is checked by
-- ampsync.enqueue_http itself. Secrets are looked for first, so that no other refusal repeats one.
create or replace function ampsync_private.check_source(
  p_dataset text,
  p_source  jsonb
)
  returns void
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_example constant jsonb := '{"url": "https://api.example.com/events", "pages": {"type": "none"}}';
begin
  if jsonb_typeof(p_source) <> 'object' or octet_length(p_source::text) > 262144 then
    perform ampsync_private.raise_source(
      p_dataset, '{}', 'it is not a JSON object of at most 256 KiB',
      format('Found: %s, %s bytes.', jsonb_typeof(p_source), octet_length(p_source::text)),
      case jsonb_typeof(p_source)
        when 'object' then ampsync_private.without_member(p_source, array[(
          select e.key from jsonb_each(p_source) e order by octet_length(e.value::text) desc limit 1)])
        else v_example end);
  end if;
  perform ampsync_private.check_request(p_dataset, p_source);
  perform ampsync_private.check_members(p_dataset, p_source, '{}',
    '{url,query,headers,body,auth,pages,records,key,columns,on_conflict,schema,range,every,append_only,adopt,'
    'rate_limit,concurrency,expires,total,error,timeout}');
  perform ampsync_private.check_auth(p_dataset, p_source);
  perform ampsync_private.check_pages(p_dataset, p_source);
  perform ampsync_private.check_range(p_dataset, p_source);
  perform ampsync_private.check_parameters(p_dataset, p_source);
  perform ampsync_private.check_columns(p_dataset, p_source);
  perform ampsync_private.check_key(p_dataset, p_source);
  perform ampsync_private.check_rereading(p_dataset, p_source);
  perform ampsync_private.check_choice(p_dataset, p_source, '{schema}', '{freeze,evolve}');
  perform ampsync_private.check_value(p_dataset, p_source, '{adopt}', 'boolean');
  perform ampsync_private.check_limits(p_dataset, p_source);
end;
$$;

comment on function ampsync_private.check_source(text, jsonb)
  is 'Raise SY004 for a definition of an HTTP source that is not one.';
