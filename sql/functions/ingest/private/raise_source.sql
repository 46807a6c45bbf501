-- Refuses the definition of an HTTP source: which place of it, as a JSON Pointer, what is wrong
-- there, what was found, and in the hint the call with a definition in which that is corrected.
-- The definition is shown without its secrets, and only the corrected key of one that is long.
create or replace function ampsync_private.raise_source(
  p_dataset text,
  p_path    text[],
  p_rule    text,
  p_found   text,
  p_fixed   jsonb
)
  returns void
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_shown jsonb := ampsync_private.without_secrets(p_fixed);
begin
  if length(v_shown::text) > 4000 and p_path <> '{}' then
    v_shown := jsonb_build_object(p_path[1], v_shown -> p_path[1]);
  end if;
  raise exception using
    errcode = 'SY004',
    message = concat_ws(' ', format('source of %s:', p_dataset), nullif(ampsync_private.pointer_to(p_path), ''),
                        p_rule),
    detail  = p_found,
    hint    = case when length(v_shown::text) > 4000 then 'docs/http.md has a definition of each kind.'
                   else format('select * from ampsync.enqueue_http(%L, source => %L);', p_dataset, v_shown) end;
end;
$$;

comment on function ampsync_private.raise_source(text, text[], text, text, jsonb)
  is 'Refuse the definition of an HTTP source, with a call in whose definition that is corrected.';
