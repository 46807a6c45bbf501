-- Whether an SQLSTATE says that PostgreSQL, or a constraint or trigger of the user, refuses a record
-- because of its values: those by which rows of Amp datasets are refused (src/model/poison.ts), and
-- violations of foreign keys, uniqueness and exclusion. Those of our own key never come, since
-- records are upserted by it.
create or replace function ampsync_private.is_refusal(
  p_sqlstate text
)
  returns boolean
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return p_sqlstate ~ '^(22(?!P04)|235(02|03|05|14)$|23P01$|54|P0001$)';
end;
$$;

comment on function ampsync_private.is_refusal(text)
  is 'Whether an SQLSTATE says that a record is refused because of its values.';
