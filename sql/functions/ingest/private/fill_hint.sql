-- Puts the statements into the hint of a pass of an HTTP source that it leaves a place for, since what can be called
-- depends on what is stored:
--
--   <correct {…}>   changes these keys of the definition; null: to what they are, for somebody to correct. `pages`
--                   without a type is added to what it is
--   <larger pages>  asks for fewer pages, from the beginning
--
-- Other hints are returned as they are, and so are those of a stream that was dropped meanwhile.
create or replace function ampsync_private.fill_hint(
  p_stream_id bigint,
  p_hint      text
)
  returns text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_place   text := substring(p_hint from '<correct [{].*[}]>');
  v_dataset ampsync_private.dataset;
  v_change  jsonb;
begin
  if v_place is null and p_hint not like '%<larger pages>%' then
    return p_hint;
  end if;
  select d.* into v_dataset
    from ampsync_private.stream s
    join ampsync_private.dataset d using (dataset_id)
   where s.stream_id = p_stream_id;
  if not found then
    return p_hint;
  end if;
  if v_place is null then
    return replace(p_hint, '<larger pages>', ampsync_private.restart_statement(
                     v_dataset, ampsync_private.larger_pages(v_dataset.definition)));
  end if;

  select jsonb_object_agg(e.key, case
           when e.value = 'null' then coalesce(v_dataset.definition -> e.key,
                                               case e.key when 'records' then '""'::jsonb else '{}' end)
           when e.key = 'pages' and not e.value ? 'type' then v_dataset.definition -> 'pages' || e.value
           else e.value end) into v_change
    from jsonb_each(substring(v_place from '[{].*[}]')::jsonb) e;
  return replace(p_hint, v_place,
    case when v_change ?| '{url,pages,records,range}' then ampsync_private.restart_statement(v_dataset, v_change)
         else format('%s select * from ampsync.resume_sync(%L);',
                     ampsync_private.http_statement(v_dataset.label, v_change), v_dataset.label) end);
end;
$$;

comment on function ampsync_private.fill_hint(bigint, text)
  is 'Put the statements into a hint that a pass of an HTTP source leaves a place for.';
