-- Refuses a definition whose `pages`, `records`, `total` or `error` cannot be followed: an option that is missing, or
-- that its kind of pages does not have, and a pointer to where nothing can be.
create or replace function ampsync_private.check_pages(
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
  v_type    constant text := p_source #>> '{pages,type}';
  v_options constant jsonb := '{"none": [], "cursor": ["in", "param", "first", "next", "more", "same"],
    "link": ["next", "more"], "page": ["in", "param", "first", "more", "pages", "end_status"],
    "offset": ["in", "param", "more", "end_status"], "after": ["in", "param", "first", "field", "inclusive", "more"]}';
  v_in_body constant boolean := coalesce(p_source #>> '{pages,in}' = 'body', false);
  v_records constant text := p_source ->> 'records';
  v_path    text[];
begin
  perform ampsync_private.check_value(p_dataset, p_source, '{pages}', 'object', '{"type": "none"}', true);
  perform ampsync_private.check_choice(p_dataset, p_source, '{pages,type}', '{none,cursor,link,page,offset,after}',
                                       true);
  perform ampsync_private.check_members(p_dataset, p_source, '{pages}', array['type'] || array(
            select jsonb_array_elements_text(v_options -> v_type)));
  perform ampsync_private.check_choice(p_dataset, p_source, '{pages,in}', '{query,body}');
  if v_in_body and not p_source ? 'body' then
    perform ampsync_private.raise_source(
      p_dataset, '{pages,in}', 'needs a body', 'Without a body the request is a GET.', p_source || '{"body": {}}');
  end if;
  perform ampsync_private.check_value(
    p_dataset, p_source, '{pages,param}', case when v_in_body then 'pointer' else 'text' end,
    to_jsonb(case when v_in_body then '/' else '' end || v_type), v_options -> v_type ? 'param');

  if v_type = 'page' then
    perform ampsync_private.check_value(p_dataset, p_source, '{pages,first}', 'integer', '1',
                                        p_min => 0, p_max => 2147483647);
  elsif jsonb_typeof(p_source #> '{pages,first}') = 'null'
        or not v_in_body and jsonb_typeof(p_source #> '{pages,first}') in ('array', 'object') then
    perform ampsync_private.raise_source(
      p_dataset, '{pages,first}', 'is not what a parameter can have',
      ampsync_private.found_value(p_source, '{pages,first}'), p_source #- '{pages,first}');
  end if;

  if jsonb_typeof(p_source #> '{pages,next}') = 'object' and v_type = 'cursor' then
    if (p_source #> '{pages,next}') - 'header' <> '{}'
       or coalesce(ampsync_private.value_fault(p_source #> '{pages,next,header}', 'header') is not null, true) then
      perform ampsync_private.raise_source(
        p_dataset, '{pages,next}', 'is neither a pointer nor the name of a header, {"header": "X-Next"}',
        ampsync_private.found_value(p_source, '{pages,next}'),
        jsonb_set(p_source, '{pages,next}', '{"header": "X-Next"}'));
    end if;
  else
    perform ampsync_private.check_value(p_dataset, p_source, '{pages,next}', 'pointer', '"/next"', v_type = 'cursor');
  end if;
  perform ampsync_private.check_value(p_dataset, p_source, '{pages,field}', 'pointer', '"/id"', v_type = 'after');
  perform ampsync_private.check_choice(p_dataset, p_source, '{pages,same}', '{end}');
  perform ampsync_private.check_value(p_dataset, p_source, '{pages,end_status}', 'statuses', '[404]');
  if p_source #> '{pages,end_status}' @> '[401]' or p_source #> '{pages,end_status}' @> '[429]' then
    perform ampsync_private.raise_source(
      p_dataset, '{pages,end_status}', 'has a status that is never an end',
      'A refused secret (401) and a used-up limit (429) say nothing about the pages.',
      jsonb_set(p_source, '{pages,end_status}', '[404]'));
  end if;
  perform ampsync_private.check_value(p_dataset, p_source, '{pages,inclusive}', 'boolean', 'true');

  perform ampsync_private.check_value(p_dataset, p_source, '{records}', 'pointer', '"/data"');
  foreach v_path slice 1 in array '{{pages,more},{pages,pages},{total,null},{error,null}}'::text[] loop
    v_path := array_remove(v_path, null);
    perform ampsync_private.check_value(p_dataset, p_source, v_path, 'pointer');
  end loop;

  foreach v_path slice 1 in array '{{pages,next},{pages,more},{pages,pages},{total,null},{error,null}}'::text[] loop
    v_path := array_remove(v_path, null);
    if jsonb_typeof(p_source #> v_path) = 'string'
       and starts_with(p_source #>> v_path || '/', coalesce(v_records, '') || '/') then
      perform ampsync_private.raise_source(
        p_dataset, v_path, 'points into the records, or to all of them',
        format('The records are at %s. Beside them is what an answer says of itself; of a field of the last record '
               'pages of type after go on.', coalesce(to_json(v_records)::text, '"", the whole answer')),
        case when v_path = '{pages,next}' then jsonb_set(p_source, '{pages}', '{"type": "link"}')
             else ampsync_private.without_member(p_source, v_path) end);
    end if;
  end loop;
end;
$$;

comment on function ampsync_private.check_pages(text, jsonb)
  is 'Raise SY004 if the pages of a definition cannot be followed.';
