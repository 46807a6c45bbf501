-- What is to be told of a line that PostgreSQL cannot hold: {"n","seq","relation","key","code"}. Read from its
-- beginning, for it may be too long, or no JSON, for anything else; SY404 if even that cannot be read.
create or replace function ampsync_private.refused_line(
  p_line text,
  p_code text
)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_parts text[] := regexp_match(left(p_line, 4000),
    '^ *[[] *([0-9]+) *, *([0-9]+) *, *"([0-9]+)" *, *"(insert|update|delete|truncate)"'
    || E'(?: *, *("(?:[^"\\\\]|\\\\.)*"))?');
begin
  if v_parts is null then
    raise exception using
      errcode = 'SY404',
      message = 'a change that was decoded cannot be stored',
      detail  = format('PostgreSQL refuses it with %s; it begins with %s.', p_code, left(p_line, 60)),
      hint    = 'select * from ampsync.capture; -- the place in WAL; please report it';
  end if;
  return jsonb_build_object('n', v_parts[1]::integer, 'seq', v_parts[2]::integer, 'relation', v_parts[3],
                            'key', v_parts[5]::jsonb #>> '{}', 'code', p_code);
end;
$$;

comment on function ampsync_private.refused_line(text, text)
  is 'What is to be told of a line that PostgreSQL cannot hold.';
