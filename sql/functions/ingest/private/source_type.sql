-- The name by which a definition calls a type of PostgreSQL, as format_type() writes that; null for one
-- that no JSON value becomes. Types with modifiers would round or cut.
create or replace function ampsync_private.source_type(
  p_type text
)
  returns text
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case when p_type = 'timestamp with time zone' then 'timestamptz'
              when p_type in ('text', 'smallint', 'integer', 'bigint', 'numeric', 'double precision', 'date', 'boolean',
                              'uuid', 'bytea', 'jsonb') then p_type end;
end;
$$;

comment on function ampsync_private.source_type(text)
  is 'The name by which a definition calls a type of PostgreSQL; null for one that no JSON value becomes.';
