-- The query of the view `cursor_state`: of each part of a source the token that its next request is made
-- from, or another position as its text; never null.
create or replace function ampsync_private.cursor_query(
  p_stream_id bigint
)
  returns text
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select format('select (p.part_no + 1)::integer as id, '
                'coalesce(case when jsonb_typeof(p.position -> ''token'') = ''string'' then p.position ->> ''token'' '
                'else p.position::text end, '''') as cursor_value, '
                'p.records as events_ingested, '
                'coalesce(p.position_at, nullif(p.begun_at, ''-infinity'')) as updated_at '
                'from ampsync_private.part p where p.stream_id = %s', p_stream_id);
$$;

comment on function ampsync_private.cursor_query(bigint)
  is 'The query of the view cursor_state.';
