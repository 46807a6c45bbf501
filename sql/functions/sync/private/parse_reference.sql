-- Parses `[namespace/]name[@revision]`. `latest` is the same as no revision: follow the newest
-- version.
create or replace function ampsync_private.parse_reference(
  p_reference text,
  out namespace text,
  out name      text,
  out revision  text
)
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_parts text[];
begin
  v_parts := regexp_match(p_reference, '^(?:([a-z0-9_]+)/)?([a-z_][a-z0-9_]*)(?:@(.+))?$');

  if v_parts is null
     or octet_length(v_parts[1]) > 63 or octet_length(v_parts[2]) > 63 or octet_length(v_parts[3]) > 128
     or v_parts[3] !~ '^([0-9]+[.][0-9]+[.][0-9]+(-[0-9A-Za-z.-]+)?([+][0-9A-Za-z.-]+)?|[0-9a-f]{64}|latest|dev)$' then
    raise exception using
      errcode = 'SY004',
      message = format('%s is not a dataset reference', coalesce(quote_literal(left(p_reference, 200)), 'null')),
      detail  = 'Expected [namespace/]name[@revision]: name and namespace in lower case letters, digits and '
                'underscores, at most 63 of them; revision a version like 1.2.0, a hash of 64 hexadecimal digits, '
                'latest or dev.',
      hint    = 'select ampsync.enqueue_sync(''my_namespace/my_dataset@1.2.0'');';
  end if;

  namespace := coalesce(v_parts[1], '_');
  name      := v_parts[2];
  revision  := nullif(v_parts[3], 'latest');
end;
$$;

comment on function ampsync_private.parse_reference(text)
  is 'Parse a dataset reference; SY004 for text that is none.';
