-- The top-level fields of records that need not be told: those that a column reads, or reads a part
-- of, and those that were told before.
create or replace function ampsync_private.known_fields(
  p_stream ampsync_private.stream
)
  returns text[]
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select p_stream.seen_fields
         || array(select (ampsync_private.pointer_path(c.value ->> 'from'))[1]
                    from jsonb_array_elements(p_stream.columns) c
                   where c.value ->> 'from' <> '');
$$;

comment on function ampsync_private.known_fields(ampsync_private.stream)
  is 'The fields of records that a column reads, or that were told before.';
