-- Refuses a definition in which the value at this path is not of this kind (value_fault), or, with
-- p_required, is missing. The hint has p_example in its place, or, if that is null, nothing.
create or replace function ampsync_private.check_value(
  p_dataset  text,
  p_source   jsonb,
  p_path     text[],
  p_kind     text,
  p_example  jsonb default null,
  p_required boolean default false,
  p_min      numeric default null,
  p_max      numeric default null
)
  returns void
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_value constant jsonb := p_source #> p_path;
  v_fault text;
begin
  if v_value is null then
    v_fault := case when p_required then 'is missing' end;
  else
    v_fault := ampsync_private.value_fault(v_value, p_kind, p_min, p_max);
  end if;
  if v_fault is not null then
    perform ampsync_private.raise_source(
      p_dataset, p_path, v_fault, ampsync_private.found_value(p_source, p_path),
      case when p_example is null then ampsync_private.without_member(p_source, p_path)
           else jsonb_set(p_source, p_path, p_example) end);
  end if;
end;
$$;

comment on function ampsync_private.check_value(text, jsonb, text[], text, jsonb, boolean, numeric, numeric)
  is 'Raise SY004 if a value of a definition is missing or not of its kind.';
