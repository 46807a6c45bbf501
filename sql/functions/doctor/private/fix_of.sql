-- The fix of a finding that came with a hint: the hint itself where it begins with a
-- statement; otherwise a statement that always works, with the hint as its comment.
create or replace function ampsync_private.fix_of(
  p_hint      text,
  p_statement text
)
  returns text
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select case when p_hint ~ '^(select|alter|drop|grant|revoke|create|rollback) ' then p_hint
              else concat_ws(' -- ', p_statement, regexp_replace(p_hint, '[[:space:]]+', ' ', 'g')) end;
$$;

comment on function ampsync_private.fix_of(text, text)
  is 'A hint as something to run: itself if it is a statement, else a comment after the given one.';
