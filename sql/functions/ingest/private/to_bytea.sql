-- A JSON text as bytes, in the unit `hex`, which may begin with 0x or \x, or `base64`. Null for
-- null.
create or replace function ampsync_private.to_bytea(
  p_value jsonb,
  p_unit  text
)
  returns bytea
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_text text := p_value #>> '{}';
begin
  if v_text is not null and jsonb_typeof(p_value) <> 'string' then
    raise exception using
      errcode = '22P02',
      message = format('%s is no text of bytes', left(p_value::text, 200)),
      detail  = format('Bytes are texts in %s.', p_unit),
      hint    = 'Map the column to text or jsonb.';
  end if;
  return decode(case when p_unit = 'hex' and left(v_text, 2) in ('0x', E'\\x') then substr(v_text, 3) else v_text end,
                p_unit);
end;
$$;

comment on function ampsync_private.to_bytea(jsonb, text)
  is 'A JSON text as bytes, from hex or base64.';
