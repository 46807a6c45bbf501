-- The JSON Pointer (RFC 6901) of what these parts lead to.
create or replace function ampsync_private.pointer_to(
  p_path text[]
)
  returns text
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select coalesce(string_agg('/' || replace(replace(p.part, '~', '~0'), '/', '~1'), '' order by p.n), '')
      from unnest(p_path) with ordinality p (part, n));
end;
$$;

comment on function ampsync_private.pointer_to(text[])
  is 'The JSON Pointer of what these parts lead to.';
