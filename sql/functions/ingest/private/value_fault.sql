-- What is wrong with a value of a definition that shall be of this kind, in words; null if nothing.
-- For numbers and intervals, in seconds: from p_min to p_max; null without a limit above.
create or replace function ampsync_private.value_fault(
  p_value jsonb,
  p_kind  text,
  p_min   numeric default null,
  p_max   numeric default null
)
  returns text
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_type constant text := jsonb_typeof(p_value);
  v_text constant text := case v_type when 'string' then p_value #>> '{}' end;
begin
  case p_kind
    when 'object' then
      return case when v_type <> 'object' then 'is not a JSON object' end;
    when 'boolean' then
      return case when v_type <> 'boolean' then 'is not true or false' end;
    when 'text' then
      return case when coalesce(v_text ~ '[[:cntrl:]]' or length(v_text) not between 1 and 1000, true)
                  then 'is not a text of 1 to 1,000 characters, without control characters' end;
    when 'pointer' then
      return case when coalesce(v_text !~ '^(/([^~/]|~[01])*)*$' or length(v_text) > 1000, true)
                  then 'is not a JSON Pointer, such as "/data/items", of at most 1,000 characters' end;
    when 'scalar' then
      return case when v_type not in ('string', 'number', 'boolean') then 'is not a text, a number, true or false' end;
    when 'secret' then
      return case when coalesce(v_text !~ '^[A-Z][A-Z0-9_]{0,62}$', true)
                  then 'is not the name of a secret: capitals, digits and underscores, beginning with a letter' end;
    when 'header' then
      return case when coalesce(v_text !~ '^[A-Za-z0-9!#$%&''*+.^_`|~-]{1,200}$', true)
                  then 'is not the name of a header' end;
    when 'integer', 'number' then
      return case when v_type <> 'number' or (p_value #>> '{}')::numeric not between p_min and p_max
                       or p_kind = 'integer' and (p_value #>> '{}')::numeric % 1 <> 0
                  then format('is not %s %s from %s to %s', case p_kind when 'integer' then 'an' else 'a' end, p_kind,
                              p_min, p_max) end;
    when 'interval' then
      return case when coalesce(ampsync_private.interval_us(p_value) < p_min * 1000000, true)
                       or ampsync_private.interval_us(p_value) > p_max * 1000000
                  then format('is not an interval of at least %s s%s, such as "90 s", without months', p_min,
                              ' and at most ' || p_max || ' s') end;
    when 'statuses' then
      return case when v_type <> 'array' or jsonb_array_length(p_value) not between 1 and 20
                       or jsonb_path_exists(p_value, 'strict $[*] ? (@.type() != "number" || @ % 1 != 0'
                                                     ' || @ < 400 || @ > 599)')
                  then 'is not a list of 1 to 20 statuses of errors, from 400 to 599' end;
    when 'texts' then
      return case when jsonb_array_length(ampsync_private.as_list(p_value)) not between 1 and 20
                       or exists (select from jsonb_array_elements(ampsync_private.as_list(p_value)) t
                                   where ampsync_private.value_fault(t.value, 'text') is not null)
                  then 'is not a text, nor a list of 1 to 20 texts' end;
  end case;
end;
$$;

comment on function ampsync_private.value_fault(jsonb, text, numeric, numeric)
  is 'What is wrong with a value that shall be of a kind, in words.';
