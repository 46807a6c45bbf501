-- Erases the values of a row from the history for good, as a law may ask for: under all keys that it had, whatever
-- the retention. That there were changes, when, and the key stay. It waits until what was committed before is in the
-- log: delete the row first, or its next change brings its values into the history again.
--
-- target, key  see row_history
--
-- Returns how many changes were erased. Journaled as `history_erased`. Times of ampsync.table_as_of at which the row
-- had a value that is erased leave the row out. READ COMMITTED only (25001); SY405 where capture does not run.
--
-- Locks: rows of the log.
create or replace function ampsync.erase_history(
  target text,
  key    jsonb
)
  returns bigint
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
as $$
declare
  v_ids    integer[] := ampsync_private.table_history(erase_history.target);
  v_keys   text[];
  v_erased bigint;
begin
  perform ampsync_private.check_read_committed('erase_history');
  perform ampsync_private.await_capture('10 s');
  v_keys := array(select ampsync_private.keys_of_row(v_ids,
                           ampsync_private.history_key(v_ids[1], erase_history.key)));
  update ampsync_private.change c
     set data     = null,
         old_data = null
    from unnest(v_keys) k(key)
   where c.published_id = any (v_ids)
     and hashtextextended(c.key, 0) = hashtextextended(k.key, 0)
     and c.key = k.key
     and (c.data is not null or c.old_data is not null);
  get diagnostics v_erased = row_count;

  perform ampsync_private.journal(null, 'history_erased', jsonb_build_object(
            'table', erase_history.target, 'key', erase_history.key, 'changes', v_erased));
  return v_erased;
end;
$$;

comment on function ampsync.erase_history(text, jsonb)
  is 'Erase the values of a row from the history for good; returns how many changes had some.';
