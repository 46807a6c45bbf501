-- Holds a table still (hold_still) and returns the position that is meant, once it can be rebuilt there. See
-- ampsync.table_as_of for what is refused.
--
-- p_position, p_at, p_text  one of them: a position, a time, either as text
-- p_mode                    share, or share row exclusive for who is about to write the table
-- p_rights                  what the caller needs to have on the table
--
-- Locks: the table and its partitions.
create or replace function ampsync_private.settle_history(
  p_target   regclass,
  p_position bigint,
  p_at       timestamptz,
  p_text     text,
  p_mode     text,
  p_rights   text[],
  p_function text
)
  returns bigint
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_position bigint;
begin
  perform ampsync_private.rebuildable_table(p_target);
  perform ampsync_private.check_may_look_back(p_target::text, p_target, p_rights);
  perform ampsync_private.hold_still(p_target, p_mode, p_function);
  v_position := coalesce(p_position, ampsync_private.history_position(p_at, p_text));
  perform ampsync_private.check_in_history(ampsync_private.rebuildable_table(p_target), v_position);
  return v_position;
end;
$$;

comment on function ampsync_private.settle_history(regclass, bigint, timestamptz, text, text, text[], text)
  is 'Hold a table still; returns the position that is meant, once the table can be rebuilt there.';
