-- Where the next page of an HTTP source begins, in words, and how many empty ones came before it. Reads
-- nothing itself: views call it, and functions in a view run with the rights of their reader.
create or replace function ampsync_private.describe_position(
  p_position    jsonb,
  p_empty_pages integer
)
  returns text
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_kind  text;
  v_value text;
begin
  select e.key, coalesce(e.value ->> 'json', e.value #>> '{}') into v_kind, v_value -- As its source text, or as it is.
    from jsonb_each(case jsonb_typeof(p_position) when 'object' then p_position else '{}' end) e
   where e.key in ('token', 'url', 'page', 'offset', 'after');
  return concat_ws(', ',
    case when v_kind is null then 'the beginning'
         else v_kind || ' ' || case when length(v_value) > 80 then left(v_value, 79) || '…' else v_value end end,
    case p_empty_pages when 0 then null when 1 then 'behind an empty page'
                       else format('behind %s empty pages', p_empty_pages) end);
end;
$$;

comment on function ampsync_private.describe_position(jsonb, integer)
  is 'Where the next page of an HTTP source begins, in words.';
