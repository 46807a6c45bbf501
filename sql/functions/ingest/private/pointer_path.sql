-- The path of a JSON Pointer (RFC 6901) as #> takes it, by its parts; an empty path for "", the
-- whole. Null for a text that is no pointer.
create or replace function ampsync_private.pointer_path(
  p_pointer text
)
  returns text[]
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select case when p_pointer = '' then '{}'::text[]
              when p_pointer ~ '^(?:/(?:[^/~]|~[01])*)+$'
                then array(select replace(replace(p.part, '~1', '/'), '~0', '~')
                             from regexp_split_to_table(substr(p_pointer, 2), '/') with ordinality p(part, n)
                            order by p.n) end;
$$;

comment on function ampsync_private.pointer_path(text)
  is 'The path of a JSON Pointer by its parts; null for a text that is no pointer.';
