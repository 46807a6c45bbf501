-- Refuses a definition in which the object at this path has a member of another name than these.
create or replace function ampsync_private.check_members(
  p_dataset text,
  p_source  jsonb,
  p_path    text[],
  p_names   text[]
)
  returns void
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text;
begin
  select k.name into v_name
    from jsonb_object_keys(case jsonb_typeof(p_source #> p_path) when 'object' then p_source #> p_path else '{}' end)
           k (name)
   where k.name <> all (p_names)
   order by k.name
   limit 1;
  if found then
    perform ampsync_private.raise_source(
      p_dataset, p_path || left(v_name, 200), 'is not known',
      format('Known here: %s.', array_to_string(p_names, ', ')),
      ampsync_private.without_member(p_source, p_path || v_name));
  end if;
end;
$$;

comment on function ampsync_private.check_members(text, jsonb, text[], text[])
  is 'Raise SY004 if an object of a definition has a member that is not known.';
