-- Rejects the replacement of a target by a table with other columns as check_replaceable does,
-- and tries it with an empty table, so that what fails by the types of the columns (a view that
-- computes with one of them) is told before the long load, not after it. The attempt is taken
-- back at once, its locks included; readers wait for it some 100 ms. It is left out while
-- somebody uses the table, or builds an index on it, which it would end.
--
-- Arguments as for check_replaceable; each of p_columns also has "not_null".
--
-- Locks: as replace_target, given back before it returns.
create or replace function ampsync_private.rehearse_replacement(
  p_old           regclass,
  p_columns       jsonb,
  p_made          jsonb default '[]',
  p_has_block_num boolean default true,
  p_identity      text default 'content'
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform ampsync_private.check_replaceable(p_old, p_columns, p_made, p_has_block_num, p_identity);
  if exists (select 1 from pg_stat_progress_create_index b where b.relid = p_old) then
    return;
  end if;

  begin
    perform ampsync_private.replace_target(p_old,
              ampsync_private.create_target('ampsync_private', 'rehearsal_' || p_old::oid, p_has_block_num, p_columns,
                                            p_identity),
              'ampsync_private', 'rehearsed_' || p_old::oid);
    raise exception using -- Caught below: it takes everything back.
      errcode = 'transaction_rollback',
      message = format('table %s can be replaced', p_old),
      detail  = 'Tried with an empty table.',
      hint    = 'Nothing is to be done.';
  exception
    when transaction_rollback or lock_not_available then
      null;
  end;
end;
$$;

comment on function ampsync_private.rehearse_replacement(regclass, jsonb, jsonb, boolean, text)
  is 'Raise SY201 if a target could not be replaced by a table with these columns, by trying it with an empty one.';
