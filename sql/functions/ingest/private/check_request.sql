-- Refuses a definition whose `url`, `query`, `headers`, `body` or `timeout` cannot be sent, or that has a
-- secret in plain text: see source_secrets.
create or replace function ampsync_private.check_request(
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
  v_host  constant text := '(?:[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|[[][0-9a-f:.]+[]])';
  v_ours  constant text[] := '{accept-encoding,connection,content-encoding,content-length,expect,host,keep-alive,te,'
                             'trailer,transfer-encoding,upgrade}';
  v_url   constant text := p_source ->> 'url';
  v_port  text[];
  v_path  text[];
  v_name  text;
begin
  select s.path into v_path from ampsync_private.source_secrets(p_source) s limit 1;
  if found then
    perform ampsync_private.raise_source(
      p_dataset, v_path, 'holds a secret',
      'What has such a name, or stands before an @, is not stored. Workers have secrets in their environment, and a '
      'definition names them: docs/http.md#secrets.', p_source);
  end if;

  if not p_source ? 'url' then
    perform ampsync_private.raise_source(
      p_dataset, '{url}', 'is missing', 'It is the address of the first page.',
      '{"url": "https://api.example.com/events", "pages": {"type": "none"}}' || p_source);
  end if;
  perform ampsync_private.check_value(p_dataset, p_source, '{url}', 'text', '"https://api.example.com/events"');
  v_port := regexp_match(v_url, '^https?://' || v_host || '(?::([0-9]{1,5}))?(?:[/?][^[:space:]#]*)?$', 'i');
  if v_port is null or coalesce(v_port[1]::integer, 80) not between 1 and 65535 then
    perform ampsync_private.raise_source(
      p_dataset, '{url}', 'is not an absolute http or https address without a fragment',
      format('Its host is %s.', coalesce(ampsync_private.url_host(v_url), 'missing')),
      jsonb_set(p_source, '{url}', case when v_url ~* ('^https?://' || v_host || '[^[:space:]]*#')
                                        then to_jsonb(split_part(v_url, '#', 1))
                                        else '"https://api.example.com/events"' end));
  end if;

  perform ampsync_private.check_value(p_dataset, p_source, '{query}', 'object');
  perform ampsync_private.check_value(p_dataset, p_source, array['query', k.name], 'scalar')
     from jsonb_object_keys(p_source -> 'query') k (name);

  perform ampsync_private.check_value(p_dataset, p_source, '{headers}', 'object');
  for v_name in
    select k.name from jsonb_object_keys(p_source -> 'headers') k (name)
  loop
    if ampsync_private.value_fault(to_jsonb(v_name), 'header') is not null or lower(v_name) = any (v_ours) then
      perform ampsync_private.raise_source(
        p_dataset, array['headers', left(v_name, 200)],
        case when lower(v_name) = any (v_ours) then 'is a header that workers set themselves'
             else 'is not the name of a header' end,
        format('These are theirs: %s.', array_to_string(v_ours, ', ')),
        p_source #- array['headers', v_name]);
    end if;
    perform ampsync_private.check_value(p_dataset, p_source, array['headers', v_name], 'text');
    if p_source #>> array['headers', v_name] !~ '^[ -~]*$' then
      perform ampsync_private.raise_source(
        p_dataset, array['headers', v_name], 'has other characters than those of ASCII',
        'A header is sent byte for byte.', p_source #- array['headers', v_name]);
    end if;
  end loop;

  perform ampsync_private.check_value(p_dataset, p_source, '{body}', 'object', '{}');
  perform ampsync_private.check_value(p_dataset, p_source, '{timeout}', 'number', '10', p_min => 1, p_max => 300);
end;
$$;

comment on function ampsync_private.check_request(text, jsonb)
  is 'Raise SY004 if the address, query, headers or body of a definition cannot be sent.';
