-- Refuses a definition in which the value at this path is none of these texts, or, with p_required,
-- is missing. The hint has the first of them in its place.
create or replace function ampsync_private.check_choice(
  p_dataset  text,
  p_source   jsonb,
  p_path     text[],
  p_choices  text[],
  p_required boolean default false
)
  returns void
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_value constant jsonb := p_source #> p_path;
begin
  if v_value is null and p_required
     or jsonb_typeof(v_value) <> 'string' or v_value #>> '{}' <> all (p_choices) then
    perform ampsync_private.raise_source(
      p_dataset, p_path, 'is none of ' || array_to_string(p_choices, ', '),
      ampsync_private.found_value(p_source, p_path),
      jsonb_set(p_source, p_path, to_jsonb(p_choices[1])));
  end if;
end;
$$;

comment on function ampsync_private.check_choice(text, jsonb, text[], text[], boolean)
  is 'Raise SY004 if a value of a definition is none of a list of texts.';
