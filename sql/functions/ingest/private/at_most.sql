-- A number that somebody else gave, or the most that it may be, without a fraction. Unlike least(),
-- null stays null.
create or replace function ampsync_private.at_most(
  p_number numeric,
  p_most   integer
)
  returns integer
  language plpgsql
  immutable
  strict
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return floor(least(p_number, p_most));
end;
$$;

comment on function ampsync_private.at_most(numeric, integer)
  is 'A number without its fraction, or the most that it may be.';
