-- The smallest step of a format of range bounds: in microseconds, or 1 for integers.
create or replace function ampsync_private.range_granule(
  p_format text
)
  returns bigint
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select case when p_format = 'date' then 86400000000
                when p_format in ('iso', 's') then 1000000
                when p_format in ('iso_ms', 'ms') then 1000
                when p_format = 'integer' then 1 end);
end;
$$;

comment on function ampsync_private.range_granule(text)
  is 'The smallest step of a format of range bounds.';
