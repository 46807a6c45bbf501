-- How the pages of a source follow each other, with every option: see full_source. What a kind of
-- pages does not have is null.
create or replace function ampsync_private.full_pages(
  p_source jsonb
)
  returns jsonb
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select jsonb_build_object(
             'type', p -> 'type',
             'in', coalesce(p ->> 'in', 'query'),
             'param', p -> 'param',
             'first', coalesce(p -> 'first', case p ->> 'type' when 'page' then to_jsonb(1) end),
             'next', case jsonb_typeof(p -> 'next') when 'string' then jsonb_build_object('pointer', p -> 'next')
                                                    else p -> 'next' end,
             'more', p -> 'more',
             'same', p -> 'same',
             'pages', p -> 'pages',
             'end_status', coalesce(p -> 'end_status', '[]'),
             'field', p -> 'field',
             'inclusive', coalesce((p -> 'inclusive')::boolean, false))
      from (select p_source -> 'pages') s (p));
end;
$$;

comment on function ampsync_private.full_pages(jsonb)
  is 'How the pages of a source follow each other, with every option.';
