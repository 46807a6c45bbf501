-- The columns of a published table in the caller's snapshot: of a captured one as the catalogue has them, which may be
-- ahead of the log; rows that are read now have them. Of a dataset's table the log tells of each change in the
-- transaction that makes it.
--
-- In PL/pgSQL, which keeps plans.
create or replace function ampsync_private.present_columns(
  p_table ampsync_private.published
)
  returns jsonb
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select case when p_table.relation is null or p_table.mode = 'blocks' and p_table.state = 'live' then p_table.columns
                else coalesce(nullif(ampsync_private.published_columns(p_table.relation), '[]'), p_table.columns) end);
end;
$$;

comment on function ampsync_private.present_columns(ampsync_private.published)
  is 'The columns of a published table in the caller''s snapshot.';
